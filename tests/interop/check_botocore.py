"""Checks llmload's AWS wire formats against botocore, an implementation it shares nothing with.

Usage: check_botocore.py SIGN_REQUEST LLMLOAD

SIGN_REQUEST writes requests that llmload signs; LLMLOAD is the llmload command, whose fake server
is started here and stopped by its process id. Exits 77 where botocore is missing.
"""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

try:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from botocore.eventstream import EventStreamBuffer
except ImportError as error:
    print(f"skipped: {error} (package python3-botocore)")
    sys.exit(77)

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"
MODEL = "anthropic.claude-3-5-haiku-20241022-v1%3A0"


def expect(holds, what):
    if not holds:
        print(f"FAILED: {what}")
        sys.exit(1)
    print(f"ok: {what}")


class SigV4AuthAt(SigV4Auth):
    """Signs as at a given time instead of now."""

    def __init__(self, credentials, date):
        super().__init__(credentials, "bedrock", REGION)
        self.date = date

    def add_auth(self, request):
        request.context["timestamp"] = self.date
        self._modify_request_before_signing(request)
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(to_sign, request))


def botocore_authorization(sample):
    request = AWSRequest(
        method="POST",
        url="https://127.0.0.1:8443" + sample["target"],
        data=sample["body"].encode(),
        headers={"Content-Type": "application/json", "Host": "127.0.0.1:8443"},
    )
    credentials = Credentials(ACCESS_KEY, SECRET_KEY, sample["session_token"] or None)
    SigV4AuthAt(credentials, sample["date"]).add_auth(request)
    return request.headers["Authorization"]


def check_our_signatures(program):
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    expect(len(lines) >= 5, "there are requests to check")
    for line in lines:
        sample = json.loads(line)
        theirs = botocore_authorization(sample)
        expect(sample["authorization"] == theirs, f"the signature of {sample['target'][:60]}")


def lower(headers):
    return {name.lower(): value for name, value in headers.items()}


class FakeServer:
    def __init__(self, program, *options):
        self.ca = tempfile.NamedTemporaryFile(suffix=".pem")
        environment = dict(
            os.environ,
            FAKE_ACCESS_KEY_ID=ACCESS_KEY,
            FAKE_SECRET_ACCESS_KEY=SECRET_KEY,
            FAKE_SESSION_TOKEN="session//token==",
        )
        self.process = subprocess.Popen(
            [program, "fake-server", "--ca-file", self.ca.name, "--aws-credential-env", "FAKE",
             "--ttft", "5ms", "--gap", "1ms", "--tokens", "8", "--max-time", "1m", *options],
            stdout=subprocess.PIPE, text=True, env=environment)
        ready = self.process.stdout.readline().split()
        expect(ready[:2] == ["listening", "on"], "the fake server is ready")
        self.origin = ready[2].removesuffix("/v1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def post(self, path, body, secret=SECRET_KEY, token="session//token=="):
        request = AWSRequest(method="POST", url=self.origin + path, data=body.encode(),
                             headers={"Content-Type": "application/json"})
        SigV4Auth(Credentials(ACCESS_KEY, secret, token), "bedrock", REGION).add_auth(request)
        prepared = request.prepare()
        # urllib sends the target as it is: what was encoded stays so.
        call = urllib.request.Request(prepared.url, data=body.encode(), method="POST",
                                      headers=dict(prepared.headers.items()))
        context = ssl.create_default_context(cafile=self.ca.name)
        try:
            with urllib.request.urlopen(call, context=context, timeout=20) as answer:
                return answer.status, lower(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, lower(error.headers), error.read()


def check_their_signatures(program):
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": "hello"}]}]})
    with FakeServer(program) as server:
        status, _, answer = server.post(f"/model/{MODEL}/converse", body)
        expect(status == 200, "the fake server accepts what botocore signs")
        expect(json.loads(answer)["usage"]["outputTokens"] == 8, "and answers as Converse does")
        status, headers, _ = server.post(f"/model/{MODEL}/converse", body, secret="wrong")
        expect(status == 403, "and refuses a wrong secret")
        expect(headers["x-amzn-errortype"].startswith("InvalidSignatureException"), "by its name")
        status, headers, _ = server.post(f"/model/{MODEL}/converse", body, token="other")
        expect(headers["x-amzn-errortype"].startswith("UnrecognizedClientException"),
               "and a wrong session token")


def events_of(raw):
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    return [message.to_response_dict() for message in buffer]


def check_our_frames(program):
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": "hello"}]}]})
    with FakeServer(program) as server:
        status, headers, raw = server.post(f"/model/{MODEL}/converse-stream", body)
        expect(status == 200, "the fake server streams")
        expect(headers["content-type"] == "application/vnd.amazon.eventstream", "an event stream")
        events = events_of(raw)
        kinds = [event["headers"][":event-type"] for event in events]
        expect(kinds == ["messageStart"] + ["contentBlockDelta"] * 8 +
               ["contentBlockStop", "messageStop", "metadata"], "whose frames botocore decodes")
        expect(json.loads(events[-1]["body"])["usage"]["outputTokens"] == 8, "with their payloads")
    with FakeServer(program, "--fault", "error-event=2,code=throttlingException") as server:
        _, _, raw = server.post(f"/model/{MODEL}/converse-stream", body)
        last = events_of(raw)[-1]
        expect(last["headers"][":exception-type"] == "throttlingException",
               "exceptions in a stream too")
        expect(last["status_code"] == 400, "which botocore takes for errors")


def main():
    sign_request, program = sys.argv[1:3]
    check_our_signatures(sign_request)
    check_their_signatures(program)
    check_our_frames(program)


main()
