"""Who may buy: a token for each user who signs in, and an answer to whose a token is."""

import hashlib
import hmac
import json
import os
import sys

from web import route, serve

KEY = os.environ.get("KEY", "secret").encode()


def token_of(user):
    return f"{user}.{hmac.new(KEY, user.encode(), hashlib.sha256).hexdigest()}"


@route("POST", "/login")
def login(request):
    try:
        user = json.loads(request.body())["user"]
    except (ValueError, KeyError, TypeError):
        return 400, "say who you are: {\"user\": …}\n"
    token = token_of(user)
    cookie = {"Set-Cookie": f"session={token}; HttpOnly; Path=/"}
    return 200, json.dumps({"token": token}), cookie


@route("GET", "/whoami")
def whoami(request):
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    user = token.partition(".")[0]
    if not hmac.compare_digest(token.encode(), token_of(user).encode()):
        return 401, "nobody has this token\n"
    return 200, user


if __name__ == "__main__":
    serve(*sys.argv[1:])
