"""What there is to buy, and what was bought: items for everybody, orders and pictures for
those whom the accounts know."""

import hashlib
import http.client
import json
import os
import sys
import threading
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from web import count, route, serve

ACCOUNTS = urlsplit(os.environ["ACCOUNTS"])
HAS_CACHE = os.environ.get("CACHE", "on") == "on"
MINE = threading.local()
PRICES = {}
ORDERS = []


def price(item):
    """A price takes long to find out, so that it is kept."""
    if HAS_CACHE and item in PRICES:
        count("price_lookups_total", outcome="hit")
        return PRICES[item]
    count("price_lookups_total", outcome="miss")
    found = hashlib.pbkdf2_hmac("sha256", item.encode(), b"price", 1000).hex()[:3]
    PRICES[item] = int(found, 16)
    return PRICES[item]


def user_of(request):
    """Whose token this is, in its field or in a session's cookie, as the accounts say."""
    cookie = SimpleCookie(request.headers.get("Cookie", "")).get("session")
    token = request.headers.get("Authorization", cookie and f"Bearer {cookie.value}")
    if not token:
        return None
    for _ in range(2):  # A kept connection may have been closed meanwhile.
        try:
            if not hasattr(MINE, "accounts"):
                MINE.accounts = http.client.HTTPConnection(ACCOUNTS.netloc, timeout=5)
            MINE.accounts.request("GET", "/whoami", headers={"Authorization": token})
            answer = MINE.accounts.getresponse()
            user = answer.read().decode()
            return user if answer.status == 200 else None
        except (http.client.HTTPException, OSError):
            del MINE.accounts
    return None


@route("GET", "/items/{item}")
def item(request, item):
    return 200, json.dumps({"item": item, "price": price(item)})


@route("POST", "/orders")
def order(request):
    wanted = request.body()
    user = user_of(request)
    if not user:
        return 401, "sign in first\n"
    ORDERS.append((user, json.loads(wanted)["item"]))
    return 201, json.dumps({"order": len(ORDERS)})


@route("GET", "/orders")
def orders(request):
    user = user_of(request)
    if not user:
        return 401, "sign in first\n"
    return 200, json.dumps({"orders": sum(who == user for who, _ in ORDERS[-100:])})


@route("PUT", "/pictures/{item}")
def picture(request, item):
    return 201, json.dumps({"item": item, "bytes": len(request.body())})


if __name__ == "__main__":
    serve(*sys.argv[1:])
