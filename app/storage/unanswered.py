"""A failpoint between COMMIT and its answer, which no driver call reaches."""

import os
import socket

import psycopg

from app import failpoints
from app.errors import Unavailable
from app.storage.database import Connection


def hit(point: str, conn: Connection) -> None:
    """Send COMMIT without reading its answer, should the point be armed; an error cuts the connection."""
    driver = conn.connection.driver_connection
    if not failpoints.drawn(point) or not isinstance(driver, psycopg.Connection):
        return
    driver.pgconn.send_query(b"COMMIT")
    while driver.pgconn.flush():
        pass
    if _act(point, driver):
        while driver.pgconn.get_result() is not None:
            pass


def cut(point: str, driver: psycopg.Connection) -> None:
    """Do what a test wants to happen while an answer is on its way; an error cuts the connection."""
    if failpoints.drawn(point) and not _act(point, driver):
        raise psycopg.OperationalError("the connection is cut")  # the answer may be here already


def _act(point: str, driver: psycopg.Connection) -> bool:
    """Tell whether an answer may still come."""
    try:
        failpoints.act(point)
    except Unavailable:
        with socket.socket(fileno=os.dup(driver.fileno())) as connection:
            connection.shutdown(socket.SHUT_RDWR)
        return False
    return True
