# Makes a cluster where there is none, and becomes its server. Statements are counted where
# the extension for it is installed.
preload=pg_stat_statements
alone() { postgres --single -D "$1" -c shared_preload_libraries="$3" "$2" >/dev/null; }
make() {
  initdb -D made -U skein --pwfile=password --auth=scram-sha-256 --encoding=UTF8 \
    --locale=C.UTF-8 --no-sync >/dev/null || return
  echo 'CREATE DATABASE skein' | alone made postgres '' || return
  echo 'CREATE EXTENSION pg_stat_statements' | alone made skein "$preload" || touch made/uncounted
}

# A cluster takes far longer to make than to copy, so that one of each recipe and version is kept.
templates=${TMPDIR:-/tmp}/skein-postgres-$(id -u)
template=$templates/$RECIPE-$(postgres --version | cksum | cut -d ' ' -f 1)
mkdir -m 700 "$templates" 2>/dev/null
# Somebody else's would have a say in what the server does.
ours() { test -d "$templates" && test -O "$templates" && ! test -L "$templates"; }
# It gets its place whole, by a rename; whoever comes second leaves the first one there.
keep() {
  find "$templates" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
  half=$(mktemp -d "$templates/half.XXXXXX") || return
  cp -a made "$half/data" && mv -T "$half/data" "$template"
  rm -rf "$half"
}

if ! test -d data; then
  rm -rf made
  if ours && test -d "$template"; then
    touch "$template"
    cp -a "$template" made || exit 1
  else
    make || exit 1
    # One without the extension would be copied even after that is installed.
    ! ours || test -e made/uncounted || keep 2>/dev/null
  fi
  echo "ALTER ROLE skein PASSWORD '$(cat password)'" | alone made postgres '' || exit 1
  mv made data
fi
test -e data/uncounted && preload=
# Whoever was killed has left his number here, which somebody else may have now.
rm -f data/postmaster.pid
exec postgres -D data -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  -c max_connections=200 -c shared_preload_libraries="$preload" -c log_destination=stderr
