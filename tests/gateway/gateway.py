"""A gateway of somebody's own: it wants two headers, a member of the body and a path with a prefix, and takes its time.

Usage: gateway.py ANSWER_SECONDS. Prints its port; serves until its standard input ends.
"""

import http.server
import json
import sys
import threading
import time

PATH = "/llm/v1/chat/completions"
KEY = "gateway-key-0123456789"


def problem(path, headers, body):
    if path != PATH:
        return 404, f"no such path: {path}"
    if headers.get("X-Tenant") != "blue":
        return 400, "X-Tenant is missing"
    if headers.get("Authorization") != f"Bearer {KEY}":
        return 401, f"not the key: {headers.get('Authorization')}"  # repeats what it got, as some do
    if body.get("top_p") != 0.9 or body.get("metadata") != {"team": "a"}:
        return 422, "top_p or metadata is missing"
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = problem(self.path, self.headers, body)
        if refused:
            self.answer(refused[0], {"error": {"message": refused[1]}})
            return
        time.sleep(self.server.seconds)
        self.answer(200, {"id": "c", "object": "chat.completion", "model": body["model"], "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}})

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seconds = float(sys.argv[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
