/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/commands.h: one function per subcommand of holdfast, each in its own file
 * agent/cmd_NAME.c. argv[0] is the subcommand's name; the result is the exit code
 * (enum hf_exit). A command prints its results to stdout and its errors to stderr. */
#ifndef HF_AGENT_COMMANDS_H
#define HF_AGENT_COMMANDS_H

int hf_cmd_boot(int argc, char **argv);
int hf_cmd_scan(int argc, char **argv);
int hf_cmd_verify(int argc, char **argv);
int hf_cmd_attest(int argc, char **argv);
int hf_cmd_identity(int argc, char **argv);
int hf_cmd_provision(int argc, char **argv);
int hf_cmd_rom(int argc, char **argv);
int hf_cmd_spdm(int argc, char **argv);

#endif
