// The completions for bash, zsh and fish, from the same description of the commands.
//
// They complete commands, options and the values that are known; everything else is a file. Options that cannot be
// repeated are offered again: none is withheld by mistake.  bash(1) Programmable Completion, zshcompsys(1), fish complete(1)

import { RUN_DIRECTORY } from '../../src/run/registry.ts'
import type { CommandOptions, Option, Value } from './options.ts'

const HEADER = "# Completions of fulcrum(1). Made by fulcrum's build from the help texts: do not edit."

/** One word for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function spellings(option: Option): string[] {
  return [option.long, option.short].filter((it) => it !== null)
}

/** The names behind `fulcrum`, and behind `fulcrum help`. */
function commandNames(commands: readonly CommandOptions[]): string[] {
  return [...commands.map((it) => it.name), 'help']
}

function bashValue(option: Option): string[] {
  const { value } = option
  if (value === null) return []
  const patterns = spellings(option).flatMap((it) => (option.isOptional ? [`${it}=`] : [it, `${it}=`]))
  const body = value.kind === 'words' ? `words=${quoted(value.words.join(' '))}` : `what=${value.kind === 'directory' ? 'directory' : 'file'}`
  return [`        ${patterns.join('|')}) ${body} ;;`]
}

function bashCommand({ name, options, words, takesNames }: CommandOptions): string {
  const operands = takesNames ? ' operands=$(_fulcrum_names)' : words.length === 0 ? '' : ` operands=${quoted(words.join(' '))}`
  const values = options.flatMap(bashValue)
  const choose = values.length === 0 ? '' : `\n      case $option in\n${values.join('\n')}\n      esac`
  return `    ${name})\n      options=${quoted(options.flatMap(spellings).join(' '))}${operands}${choose} ;;`
}

/** For PREFIX/share/bash-completion/completions/fulcrum. */
export function bashCompletions(commands: readonly CommandOptions[]): string {
  const names = commandNames(commands).join(' ')
  return `${HEADER}

# What runs by "fulcrum run"; only root can look.
_fulcrum_names() {
  local file
  for file in ${RUN_DIRECTORY}/*.json; do
    file=\${file##*/}
    [[ $file == '*.json' ]] || printf '%s\\n' "\${file%.json}"
  done
}

_fulcrum() {
  local current=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD-1]} options= operands= words= what=
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    mapfile -t COMPREPLY < <(compgen -W ${quoted(`${names} --help --version`)} -- "$current")
    return
  fi
  # Bash makes three words of --option=value.
  if [[ $current == = ]]; then
    current= option+==
  elif [[ $option == = ]]; then
    option=\${COMP_WORDS[COMP_CWORD-2]}=
  fi
  case \${COMP_WORDS[1]} in
${commands.map(bashCommand).join('\n')}
    help) words=${quoted(names)} ;;
  esac
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  elif [[ $what == directory ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -d -- "$current")
  elif [[ -z $what && $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ -z $what ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$operands" -- "$current")
  fi
}

complete -o default -F _fulcrum fulcrum
`
}

function zshAction(value: Value): string {
  if (value.kind === 'words') return `value:(${value.words.join(' ')})`
  const name = value.name.replaceAll(/[^A-Za-z]+/g, ' ').trim()
  return `${name === '' ? 'value' : name}:${value.kind === 'directory' ? '_files -/' : value.kind === 'file' ? '_files' : ''}`
}

function zshOption(option: Option): string[] {
  const description = option.description.replaceAll(/[\\[\]]/g, '\\$&')
  return spellings(option).map((spelling) => {
    if (option.value === null) return quoted(`*${spelling}[${description}]`)
    const isLong = spelling.startsWith('--')
    const joint = option.isOptional ? (isLong ? '=-' : '-') : isLong ? '=' : '+'
    return quoted(`*${spelling}${joint}[${description}]${option.isOptional ? '::' : ':'}${zshAction(option.value)}`)
  })
}

function zshOperands({ words, takesNames }: Pick<CommandOptions, 'words' | 'takesNames'>): string {
  if (takesNames) return '*:name:_fulcrum_names'
  return words.length > 0 ? `*:operand:(${words.join(' ')})` : '*:file:_files'
}

/** For PREFIX/share/zsh/site-functions/_fulcrum. */
export function zshCompletions(commands: readonly CommandOptions[]): string {
  const list = [...commands, { name: 'help', summary: 'show the help text of a command' }]
  const described = list.map(({ name, summary }) => `    ${quoted(`${name.replaceAll(':', '\\:')}:${summary}`)}`)
  const cases = commands.map(({ name, options, ...rest }) => `    ${name})\n      _arguments -s \\\n${[...options.flatMap(zshOption), quoted(zshOperands(rest))].map((it) => `        ${it}`).join(' \\\n')} ;;`)
  return `#compdef fulcrum
${HEADER}

# What runs by "fulcrum run", and files; only root can look.
_fulcrum_names() {
  local -a names
  names=(${RUN_DIRECTORY}/*.json(N:t:r))
  compadd -a names
  _files
}

_fulcrum() {
  local command
  local -a commands
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    return
  fi
  command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
    help) _describe -t commands command commands ;;
  esac
}

_fulcrum "$@"
`
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`
}

function fishValue(option: Option): string {
  const { value } = option
  if (value === null) return ''
  const words = value.kind === 'words' ? value.words : []
  if (option.isOptional) return words.length > 0 ? ` -f -a ${fishQuoted(words.join(' '))}` : ''
  if (value.kind === 'directory') return " -x -a '(__fish_complete_directories)'"
  if (value.kind === 'words') return ` -x -a ${fishQuoted(words.join(' '))}`
  return value.kind === 'file' ? ' -r -F' : ' -x'
}

function fishOption(command: string, option: Option): string {
  const short = option.short === null ? '' : ` -s ${option.short.slice(1)}`
  const long = option.long === null ? '' : ` -l ${option.long.slice(2)}`
  const description = option.description === '' ? '' : ` -d ${fishQuoted(option.description)}`
  return `complete -c fulcrum -n '__fulcrum_command ${command}'${short}${long}${fishValue(option)}${description}`
}

/** For PREFIX/share/fish/vendor_completions.d/fulcrum.fish. */
export function fishCompletions(commands: readonly CommandOptions[]): string {
  const names = commands.map(({ name, summary }) => `complete -c fulcrum -n __fulcrum_no_command -f -a ${name} -d ${fishQuoted(summary)}`)
  return `${HEADER}

function __fulcrum_no_command
    set -l words (commandline -opc)
    test (count $words) -eq 1
end

function __fulcrum_command
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test "$words[2]" = $argv[1]
end

# What runs by "fulcrum run"; only root can look.
function __fulcrum_names
    for file in ${RUN_DIRECTORY}/*.json
        string replace -r '.*/(.*)\\.json$' '$1' $file
    end
end

${names.join('\n')}
complete -c fulcrum -n __fulcrum_no_command -f -a help -d 'show the help text of a command'
complete -c fulcrum -n __fulcrum_no_command -l help -d 'list the commands'
complete -c fulcrum -n __fulcrum_no_command -l version -d 'print the version'
complete -c fulcrum -n '__fulcrum_command help' -f -a ${fishQuoted(commandNames(commands).join(' '))}
${commands.filter((it) => it.takesNames).map(({ name }) => `complete -c fulcrum -n '__fulcrum_command ${name}' -a '(__fulcrum_names)'`).join('\n')}
${commands.filter((it) => it.words.length > 0).map(({ name, words }) => `complete -c fulcrum -n '__fulcrum_command ${name}' -f -a ${fishQuoted(words.join(' '))}`).join('\n')}
${commands.flatMap(({ name, options }) => options.map((option) => fishOption(name, option))).join('\n')}
`
}
