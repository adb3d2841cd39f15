"""The web server of `play`: the page and its requests, on the loopback address only.

The page needs nothing from other servers, and its content security policy forbids requests to them. Against DNS
rebinding, the server refuses requests whose Host is neither 127.0.0.1 nor localhost. It accepts JSON only, because
pages of other sites cannot send JSON to it without permission.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import numpy as np
from msgspec import Meta

from learning_to_draw.analysis.play.games import DRAW, GUESS, Games, PlayLog, uri
from learning_to_draw.errors import UsageError
from learning_to_draw.packages import import_optional

HOST = "127.0.0.1"
PAGE = Path(__file__).with_name("page.html")
MOST_POINTS = 20_000  # of one path: a hand that draws for a minute sends fewer
LARGEST = 2**24  # bytes of a request

Coordinate = Annotated[float, Meta(ge=-2, le=2)]
HandPath = Annotated[list[tuple[Coordinate, Coordinate]], Meta(min_length=1, max_length=MOST_POINTS)]
Number = Annotated[int, Meta(ge=0, lt=2**31)]


class Asked(TypedDict):
    """What the page sends to begin a game in this role. number: a game that it has begun before; None for a new one."""

    role: Literal["draw", "guess"]
    number: Number | None


class Drawn(TypedDict):
    """What the page sends while a person draws, and at the end. paths: of the hand, (row, col) on a canvas of -1..1."""

    number: Number
    paths: Annotated[list[HandPath], Meta(max_length=1000)]


class Chosen(TypedDict):
    """What the page sends when a person guesses.

    choice: the candidate, from 0. strokes_seen: how many strokes were visible. seconds: since the game appeared.
    interrupted: whether the page was hidden in the meantime.
    """

    number: Number
    choice: Number
    strokes_seen: Number
    seconds: Annotated[float, Meta(ge=0, le=1e9)]
    interrupted: bool


class Answers:
    """The answers to the page's requests, as dicts for JSON. Games are added to the log when they end, each once.

    The page may be open in several tabs: no two tabs get the same game.
    """

    def __init__(self, games: Games, log: PlayLog):
        self._games, self._log = games, log
        self._next = {DRAW: 0, GUESS: 0}

    def turn(self, asked: Asked) -> dict[str, Any]:
        """Returns number and pictures of a game and, if the person draws, the target and the kind of strokes.

        This is the game that the page names, if it was begun and is not in the log. Otherwise it is a new one.
        A person who draws learns from the key "other" whether the target is not the photo to draw, but another picture
        of its class. A person who guesses learns from it only whether there are games with such a target.
        """
        role, number = asked["role"], asked["number"]
        if number is None or number >= self._next[role] or self._log.holds(role, number):
            number = self._next[role]
            while self._log.holds(role, number):  # sent by a page that was opened before the program was started
                number += 1
            self._next[role] = number + 1
        turn = self._games.turn(role, number)
        photos = turn.batch.photos
        answer: dict[str, Any] = {"number": number}
        answer["candidates"] = [uri(photos[row]) for row in turn.batch.candidates[0].tolist()]
        if role == GUESS:
            frames, counts = self._games.frames(turn)
            return answer | {"frames": frames, "counts": counts, "other": self._games.others}
        pen = self._games.pen
        answer |= {"photo": uri(turn.play.photos[0]), "target": turn.target, "other": turn.other}
        return answer | {"most": pen.most, "points": pen.control_points, "size": turn.play.sketches.shape[-1]}

    def sketch(self, drawn: Drawn) -> dict[str, Any]:
        """Returns the sketch as the receiver sees it, its number of strokes, and the probability of each candidate."""
        play, count = self._games.sketch(self._games.turn(DRAW, drawn["number"]), _paths(drawn))
        return {
            "sketch": uri(play.sketches[0]),
            "strokes": count,
            "probabilities": play.scores[0].softmax(dim=0).tolist(),
        }

    def show(self, drawn: Drawn) -> dict[str, Any]:
        """Ends a game in which the person drew.

        Returns the target, the sender's sketch, and the receiver's two guesses: from this sketch and from the person's.
        """
        turn = self._games.turn(DRAW, drawn["number"])
        play, _ = self._games.sketch(turn, _paths(drawn))
        self._log.drew(turn, drawn["number"], play)
        agents = {"sketch": uri(turn.play.sketches[0]), "guess": turn.agents_guess}
        return {"guess": int(play.scores[0].argmax()), "target": turn.target, "agents": agents}

    def choose(self, chosen: Chosen) -> dict[str, Any]:
        """Ends a game in which the person guessed. Returns the target, and the agents' own guess."""
        turn = self._games.turn(GUESS, chosen["number"])
        if chosen["choice"] >= turn.batch.candidates.shape[1]:
            raise msgspec.ValidationError("there is no such candidate")
        self._log.guessed(turn, **chosen)
        return {"target": turn.target, "agents": {"guess": turn.agents_guess}}


def _paths(drawn: Drawn) -> list[np.ndarray]:
    return [np.array(path) for path in drawn["paths"]]


def serve(games: Games, log: PlayLog, port: int, opened: Callable[[str], None]) -> None:
    """Serves the page until a signal arrives, which then has its usual effect (KeyboardInterrupt for Ctrl-C).

    opened: called with the page's address, in a thread. Raises UsageError if the port is taken, or if a package is
    missing.
    """
    uvicorn = import_optional("uvicorn", "play", "uvicorn")
    application = build_application(games, log)
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise UsageError(f"--port {port} cannot be used: {error}.\nGive another port, or 0 for a free one.") from error
    address = f"http://{HOST}:{listener.getsockname()[1]}/"
    # In a thread, because a browser in the terminal would block. The socket already accepts the browser's request.
    threading.Thread(target=opened, args=(address,), daemon=True).start()
    settings = uvicorn.Config(
        application, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    uvicorn.Server(settings).run(sockets=[listener])


def build_application(games: Games, log: PlayLog) -> Any:
    """Returns the web application: it serves the page at /, and answers the page's requests below /api/.

    Raises UsageError if starlette is missing.
    """
    import_optional("starlette", "play", "starlette")
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import HTMLResponse, JSONResponse
    from starlette.routing import Route

    async def page(_: Any) -> Any:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers={"Referrer-Policy": "no-referrer"})

    def answering(kind: Any, answer: Callable[[Any], dict[str, Any]]) -> Callable[[Any], Any]:
        """Returns the function of a route, which reads the request's JSON as `kind` and answers with JSON."""

        # Not in a thread of its own: requests must be answered in order.
        async def respond(request: Any) -> Any:
            length = request.headers.get("content-length", "")
            if request.headers.get("content-type") != "application/json":
                return JSONResponse({"error": "only JSON is accepted"}, 415)
            if not length.isdecimal() or int(length) > LARGEST:
                return JSONResponse({"error": "the request is too large, or has no Content-Length"}, 413)
            try:
                return JSONResponse(answer(msgspec.json.decode(await request.body(), type=kind)))
            except msgspec.MsgspecError as error:
                return JSONResponse({"error": str(error)}, 400)

        return respond

    answers = Answers(games, log)
    routes = [("turn", Asked), ("sketch", Drawn), ("show", Drawn), ("choose", Chosen)]
    return Starlette(
        routes=[
            Route("/", page),
            *(
                Route(f"/api/{name}", answering(kind, getattr(answers, name)), methods=["POST"])
                for name, kind in routes
            ),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
    )
