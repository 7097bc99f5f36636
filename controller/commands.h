/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/commands.h: the subcommands of holdfastctl. argv[0] is the subcommand's own
 * name; each prints its own usage and errors (stderr) and returns the exit code. */
#ifndef HF_CONTROLLER_COMMANDS_H
#define HF_CONTROLLER_COMMANDS_H

int hf_cmd_keygen(int argc, char **argv);
int hf_cmd_manifest(int argc, char **argv);
int hf_cmd_census(int argc, char **argv);
int hf_cmd_waiver(int argc, char **argv);
int hf_cmd_image(int argc, char **argv);
int hf_cmd_log(int argc, char **argv);
int hf_cmd_evidence(int argc, char **argv);
int hf_cmd_host(int argc, char **argv);
int hf_cmd_ring(int argc, char **argv);
int hf_cmd_audit(int argc, char **argv);

#endif
