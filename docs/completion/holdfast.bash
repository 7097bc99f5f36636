# SPDX-License-Identifier: GPL-3.0-or-later
# Completion for holdfast, holdfastctl and holdfastd. The words come from the program's own
# --help, so there is no list here that could be older than the program.

# _holdfast_words PROGRAM [COMMAND]: subcommands at this place, one a line.
_holdfast_commands() {
	local program=$1 name=${1##*/}
	shift

	"$program" "$@" --help 2>/dev/null | awk -v said="$name${*:+ $*} " '
		/^$/ { blank++ }
		# "  scan      what is on this host": the list below the usage line
		blank == 1 && /^  [a-z][a-z-]* / { print $1 }
		# "       holdfastctl host list [...]"
		{ at = index($0, said) }
		blank == 0 && at && substr($0, 1, at - 1) ~ /^(usage:)? +$/ {
			split(substr($0, at + length(said)), word, " ")
			if (word[1] ~ /^[a-z][a-z-]*$/)
				print word[1]
		}' | sort -u
}

_holdfast_options() {
	"$@" --help 2>/dev/null | grep -o -e '--[a-z][a-z0-9-]*' | sort -u
	echo --help
}

# Words of the line before the cursor that are commands, at most two of them.
_holdfast_place() {
	local word known
	place=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[ ${#place[@]} -lt 2 ] || return 0
		known=$(_holdfast_commands "${COMP_WORDS[0]}" "${place[@]}")
		[[ $'\n'$known$'\n' == *$'\n'"$word"$'\n'* ]] || return 0
		place+=("$word")
	done
}

_holdfast() {
	local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} place words=
	COMPREPLY=()

	_holdfast_place
	case $before in
	--help | --version) return 0 ;;
	esac
	if [[ $current != -* && ${#place[@]} -eq $((COMP_CWORD - 1)) ]]; then
		words=$(_holdfast_commands "${COMP_WORDS[0]}" "${place[@]}")
	fi
	if [[ $current == -* ]]; then
		words=$(_holdfast_options "${COMP_WORDS[0]}" "${place[@]}")
	fi
	if [ -n "$words" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	else	# a value: most are files
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	fi
}

complete -F _holdfast holdfast holdfastctl holdfastd
