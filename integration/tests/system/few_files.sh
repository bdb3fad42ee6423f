#!/bin/sh
# A node that may open 256 files, and can't ask for more. The node's own program is
# linked as `node` beside the link to this script.
ulimit -n 256
exec "$(dirname "$0")/node" "$@"
