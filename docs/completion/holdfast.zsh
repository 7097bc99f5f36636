#compdef holdfast holdfastctl holdfastd
# SPDX-License-Identifier: GPL-3.0-or-later
# The words come from the program's own --help, as in holdfast.bash.

local -a place commands options
local name=${words[1]:t} word

_holdfast_list() {
	local said="$name${*:+ $*} "
	${words[1]} $@ --help 2>/dev/null | awk -v said="$said" '
		/^$/ { blank++ }
		blank == 1 && /^  [a-z][a-z-]* / { print $1 }
		{ at = index($0, said) }
		blank == 0 && at && substr($0, 1, at - 1) ~ /^(usage:)? +$/ {
			split(substr($0, at + length(said)), word, " ")
			if (word[1] ~ /^[a-z][a-z-]*$/) print word[1]
		}' | sort -u
}

for word in ${words[2,CURRENT-1]}; do
	commands=(${(f)"$(_holdfast_list $place)"})
	(( ${#place} < 2 && ${commands[(Ie)$word]} )) || break
	place+=($word)
done
if [[ $PREFIX == -* ]]; then
	options=(${(f)"$(${words[1]} $place --help 2>/dev/null | grep -o -e '--[a-z][a-z0-9-]*' | sort -u)"})
	compadd -- $options
elif (( ${#place} == CURRENT - 2 )) && commands=(${(f)"$(_holdfast_list $place)"}) && (( ${#commands} )); then
	compadd -- $commands
else
	_files
fi
