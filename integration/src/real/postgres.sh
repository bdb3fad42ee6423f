# Makes a cluster where there is none, and becomes its server. Statements are counted where
# the extension for it is installed.
preload=pg_stat_statements
alone() { postgres --single -D data -c shared_preload_libraries="$2" "$1" >/dev/null; }
if ! test -e data/PG_VERSION; then
  initdb -D data -U skein --pwfile=password --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 \
    --no-sync >/dev/null || exit 1
  echo 'CREATE DATABASE skein' | alone postgres '' || exit 1
  echo 'CREATE EXTENSION pg_stat_statements' | alone skein "$preload" || touch data/uncounted
fi
test -e data/uncounted && preload=
# Whoever was killed has left his number here, which somebody else may have now.
rm -f data/postmaster.pid
exec postgres -D data -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  -c max_connections=200 -c shared_preload_libraries="$preload" -c log_destination=stderr
