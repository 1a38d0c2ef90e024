"""The smallest pager: `python3 webhook.py [PORT]` prints each page that Alertmanager sends. Standard library only.

Alertmanager posts JSON: `status` (firing or resolved), `groupLabels`, and `alerts`, each with `labels`, `annotations`
(summary, description, evidence, dashboard, runbook_url), `startsAt`, `endsAt` and `fingerprint`. Answer 2xx; anything
else is sent again. `groupKey` names the incident: calls with the same key are updates of one page.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST = 1 << 20


class Pager(BaseHTTPRequestHandler):
    """One call is one page, its update or its end."""

    def do_POST(self) -> None:
        """Print who is called for what."""
        try:
            body = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LONGEST)))
            lines = [line for alert in body["alerts"] for line in self.told(alert)]
        except (ValueError, KeyError, TypeError):
            self.send_error(400)
            return
        print(f"{self.path.strip('/').upper()} {body['status']}", *lines, sep="\n  ", flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def told(self, alert: dict[str, dict[str, str]]) -> list[str]:
        """What a person is told of one alert."""
        notes = alert["annotations"]
        wanted = ("summary", "description", "evidence", "dashboard", "runbook_url")
        return [
            f"{alert['status']}: {alert['labels']['alertname']}",
            *(notes[name] for name in wanted if name in notes),
        ]

    def log_message(self, *_: object) -> None:
        """Print pages only."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9095
    ThreadingHTTPServer(("127.0.0.1", port), Pager).serve_forever()
