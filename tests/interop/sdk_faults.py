"""Every fault of the fake server with the parameters that change what it does, how an answer then has to end, and where
an SDK sees it otherwise, or llmload."""

import dataclasses
import re

# How a call ends: with an answer that has text and the service's reason to finish; with one that has not got both, and
# yet no error; with an error; or not at all.
ANSWER, INCOMPLETE, ERROR, SILENCE = "answer", "incomplete", "error", "silence"


@dataclasses.dataclass(frozen=True)
class Fault:
    spec: str
    whole: str  # how a call ends that is not streamed
    stream: str
    status: int = 0      # of the error, for both forms
    alone: bool = False  # it is drawn for each connection, or harms the next request on its connection
    tls: bool = False    # it looks different over HTTPS, and is tried there, too
    night: bool = False  # too slow for the slice that runs before a change lands


def of_status(status, *keys):
    return Fault(",".join((f"status={status}", *keys)), ERROR, ERROR, status)


STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 424, 425, 429, 498, 500, 501, 502, 503, 504, 520, 524, 529)
CODES = ((400, "context_length_exceeded"), (429, "insufficient_quota"), (429, "enforced_spend_limit_reached"),
         (400, "ServiceQuotaExceededException"), (403, "ExpiredTokenException"), (403, "model_access_denied"),
         (429, "ModelNotReadyException"))
EVENT_CODES = ("overloaded_error", "rate_limit_error", "throttlingException", "validationException",
               "modelStreamErrorException", "serviceUnavailableException")

FAULTS = (
    *(of_status(status) for status in STATUSES),
    *(of_status(status, f"code={code}") for status, code in CODES),
    of_status(429, "retry-after=2s"),
    of_status(503, "retry-after=2s"),
    Fault("hang", SILENCE, SILENCE),
    Fault("tls-hang", SILENCE, SILENCE, alone=True, tls=True),
    Fault("drip=64,every=2ms", ANSWER, ANSWER),
    Fault("slow-first-token=50ms", ANSWER, ANSWER),
    *(Fault(f"stall={tokens}", SILENCE, SILENCE) for tokens in (0, 3, 8)),
    *(Fault(f"stall={tokens},for=50ms", ANSWER, ANSWER) for tokens in (0, 3, 8)),
    Fault("reset", ERROR, ERROR, tls=True),
    *(Fault(f"cut={tokens},close={how}", ERROR, ERROR, tls=True)
      for tokens in (0, 3, 8) for how in ("abrupt", "notify", "reset")),
    *(Fault(f"malformed={tokens}", ERROR, ERROR) for tokens in (0, 3, 8)),
    *(Fault(f"error-event={tokens}", INCOMPLETE, ERROR) for tokens in (0, 3, 8)),
    *(Fault(f"error-event={tokens},code={code}", INCOMPLETE, ERROR) for code in EVENT_CODES for tokens in (0, 3)),
    Fault("no-done", ANSWER, ANSWER),
    Fault("no-finish", ANSWER, INCOMPLETE),
    Fault("garbage", ERROR, ERROR, tls=True),
    Fault("big-header", ERROR, ERROR),
    Fault("big-header=4KB", ANSWER, ANSWER),
    Fault("big-event=64KB,after=3", ANSWER, ANSWER),
    Fault("big-event", ANSWER, ANSWER),
    Fault("big-body=1MB", ANSWER, ANSWER),
    Fault("big-body=17MB", ANSWER, ANSWER, night=True),  # the bound of llmload is 16 MB
    Fault("wrong-length=64", ERROR, ERROR, tls=True),
    Fault("wrong-length=-64", ERROR, ERROR, alone=True),
    Fault("redirect", ERROR, ERROR),
    Fault("latency=20ms", ANSWER, ANSWER),
    Fault("connection-close", ANSWER, ANSWER),
    Fault("leak=4KB", ANSWER, ANSWER),
)


@dataclasses.dataclass(frozen=True)
class Otherwise:
    """Calls of which an SDK says something else than `Fault`, or llmload something else than the SDK, and why."""
    fault: str  # a regular expression for its spec; so are these:
    sdk: str
    call: str
    says: str   # an end, or the kind of llmload's error
    why: str

    def covers(self, fault, sdk, call):
        return bool(re.fullmatch(self.fault, fault) and re.fullmatch(self.sdk, sdk) and re.fullmatch(self.call, call))


SDK_SAYS_OTHERWISE = (
    Otherwise("malformed=.*", "ollama/.*", "stream", ANSWER, "it passes over a line that is not JSON"),
    Otherwise("error-event=.*", "ai/.*", "unary", ERROR, "it checks the shape of an answer, whatever the status"),
    Otherwise("no-done", "anthropic/messages|ollama/.*", "stream", ERROR, "it wants the last event"),
    Otherwise("no-done", "bedrock/titan|ai/anthropic|.*responses", "stream", INCOMPLETE,
              "the reason to finish is in the last event"),
    Otherwise("no-finish", "anthropic/messages|ollama/.*|ai/compatible", "stream", ERROR, "it wants the last event"),
    Otherwise("wrong-length=.*", "ollama/.*", "stream", ANSWER, "it reads no further than the last line"),
    Otherwise("error-event=.*,code=(overloaded|rate_limit)_error", "ai/bedrock", "stream", INCOMPLETE,
              "it passes over exceptions that are not Bedrock's"),
)

# What is right although it is not what the SDK says.
LLMLOAD_SAYS_OTHERWISE = (
    Otherwise("no-done", "bedrock/(converse|invoke)|ai/bedrock", "stream", "truncated_stream",
              "SDKs do not detect truncation: the last event is missing, and with it the usage"),
    Otherwise("malformed=.*", "ollama/.*", "stream", "malformed_response",
              "a piece of the answer is lost, and Ollama's client for Python reports an error"),
    Otherwise("big-event", ".*", "stream", "response_too_large", "a bound that llmload has and the SDKs have not"),
    Otherwise("big-body=17MB", ".*", ".*", "response_too_large", "a bound that llmload has and the SDKs have not"),
    Otherwise("wrong-length=.*", ".*", "stream", "success",
              "the whole answer came, up to its last event; what is wrong comes after it"),
)
