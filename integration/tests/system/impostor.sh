#!/bin/sh
# Claims to be the node that it was started as, at somebody else's address.
for argument; do
    case $argument in
        --name=*) name=${argument#--name=} ;;
        --impostor-points-to=*) address=${argument#--impostor-points-to=} ;;
    esac
done
echo "{\"ready\":{\"node\":\"$name\",\"address\":\"$address\",\"nonce\":\"$SKEIN_NONCE\"}}"
exec sleep 60
