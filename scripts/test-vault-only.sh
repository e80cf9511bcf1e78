#!/usr/bin/env bash
# Checks from outside that a running service is vault-only: it takes no provider key from a client, and opens a
# session for a project whose key is in the vault. Needs bash and curl; leaves no session behind.
set -u

usage() {
  echo "usage: $0 BASE_URL [PROJECT_ID]" >&2
  echo "  BASE_URL    of the public API, such as http://127.0.0.1:3000" >&2
  echo "  PROJECT_ID  an Open project with a key; proj_demo when absent" >&2
  exit 2
}

[[ $# -ge 1 && $# -le 2 && $1 =~ ^https?://[^/]+ ]] || usage
base=${1%/}
project=${2:-proj_demo}
[[ $project =~ ^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$ ]] || usage
command -v curl >/dev/null || { echo "curl is not installed" >&2; exit 2; }

body="{\"project_id\":\"$project\"}"
# Random, and in the form of no provider's key: what is refused must not depend on how it looks.
nonsense="not-a-credential-$RANDOM$RANDOM$RANDOM"
failures=0
status=
answer=

# Leaves the answer's status and body in variables; status 000 when there was none.
ask() {
  local method=$1 path=$2 output
  shift 2
  output=$(curl --silent --show-error --connect-timeout 5 --max-time 20 --request "$method" \
    --write-out '\n%{http_code}' "$@" "$base$path" 2>&1)
  status=${output##*$'\n'}
  answer=${output%$'\n'*}
}

ok() { echo "ok    $1"; }

fail() {
  echo "FAIL  $1"
  failures=$((failures + 1))
}

# Names the project as well: a service that ignores the bad credential would open a session, which is released.
expect_refusal() {
  local name=$1
  shift
  ask POST /session --header 'content-type: application/json' "$@"
  if [[ $status != 401 ]]; then
    fail "$name: status $status instead of 401"
  elif [[ ${answer,,} != *vault-only* ]]; then
    fail "$name: 401, but its message does not mention vault-only"
  elif [[ $answer == *"$nonsense"* ]]; then
    fail "$name: 401, but it repeats what was sent"
  else
    ok "$name: 401, vault-only"
  fi
  release_if_opened
}

# The text of a field whose value has no escapes, as ids and tokens have none.
field() { [[ $answer =~ \"$1\":[[:space:]]*\"([^\"\\]+)\" ]] && echo "${BASH_REMATCH[1]}"; }

release_if_opened() {
  local session token
  session=$(field session_id)
  token=$(field lease_token)
  [[ -n $session && -n $token ]] || return 1
  ask DELETE "/session/$session" --header "authorization: Bearer $token"
}

expect_refusal 'a key in X-OpenAI-API-Key is refused' --header "X-OpenAI-API-Key: $nonsense" --data "$body"
expect_refusal 'a Bearer that is no JWT is refused' --header "Authorization: Bearer $nonsense" --data "$body"
expect_refusal 'a request without credentials is refused' --data '{}'

ask POST /session --header 'content-type: application/json' --data "$body"
if [[ $status != 200 ]]; then
  fail "a session for $project: status $status instead of 200"
elif [[ -z $(field value) ]]; then
  fail "a session for $project: 200, but without a value"
else
  ok "a session for $project: 200, with a value"
fi

if [[ $status == 200 ]]; then
  if release_if_opened && [[ $status == 204 ]]; then
    ok 'its slot is released: 204'
  else
    fail "its slot is not released: status $status instead of 204"
  fi
fi

[[ $failures == 0 ]]
