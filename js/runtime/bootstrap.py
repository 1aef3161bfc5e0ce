"""Runs one Lambda handler for Python: takes invocations from the Runtime API, one at a time, and gives back what it returns.

What a handler may expect is what AWS's own runtime for Python gives it. Written from "Using the Lambda runtime API for custom
runtimes" and "Building Lambda functions with Python" of the AWS Lambda developer guide; the standard library only.
"""
import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

BASE = "/2018-06-01/runtime"
TOKEN = os.environ.pop("AMPD_RUNTIME_TOKEN", "")
ROOT = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
IS_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50}
NAMES = {5: "TRACE", 10: "DEBUG", 20: "INFO", 30: "WARN", 40: "ERROR", 50: "FATAL"}


class Api:
    """The Runtime API over one connection that is kept."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=None)

    def call(self, method, path, body=None, headers=None):
        headers = {"ampd-runtime-token": TOKEN, **(headers or {})}
        self.connection.request(method, BASE + path, body=body, headers=headers)
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def report(self, path, error):
        headers = {"content-type": "application/json", "lambda-runtime-function-error-type": ascii(error["errorType"])[1:-1]}
        self.call("POST", path, json.dumps(error).encode(), headers)


class RuntimeProblem(Exception):
    """An error that the platform names, not the handler."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


# ---- what a handler gets -------------------------------------------------------------------------


class Identity:
    def __init__(self, given):
        self.cognito_identity_id = (given or {}).get("cognitoIdentityId")
        self.cognito_identity_pool_id = (given or {}).get("cognitoIdentityPoolId")


class Client:
    NAMES = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")

    def __init__(self, given):
        for name in self.NAMES:
            setattr(self, name, (given or {}).get(name))


class ClientContext:
    def __init__(self, given):
        self.client = Client(given.get("client"))
        self.custom = given.get("custom")
        self.env = given.get("env")


class LambdaContext:
    def __init__(self, headers):
        env = os.environ
        client = headers.get("lambda-runtime-client-context")
        identity = headers.get("lambda-runtime-cognito-identity")
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name = env.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.client_context = ClientContext(json.loads(client)) if client else None
        self.identity = Identity(json.loads(identity) if identity else None)
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


# ---- logs ----------------------------------------------------------------------------------------

request_id = None  # of the invocation in progress


class Handler(logging.Handler):
    """What the logging module is told, in Lambda's two forms."""

    def emit(self, record):
        try:
            sys.stdout.write((self.as_json if IS_JSON else self.as_text)(record) + "\n")
            sys.stdout.flush()
        except Exception:
            self.handleError(record)

    @staticmethod
    def stamp(record):
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))

    def as_text(self, record):
        text = self.format(record).replace("\n", "\r")
        name = f"[{record.levelname}]"
        return f"{name}\t{self.stamp(record)}.{int(record.msecs):03d}Z\t{request_id or ''}\t{text}"

    def as_json(self, record):
        line = {"timestamp": self.stamp(record) + "Z", "level": NAMES.get(record.levelno, record.levelname), "message": record.getMessage(),
                "logger": record.name, "requestId": request_id}
        if record.exc_info and record.exc_info[0] is not None:
            line["errorType"] = record.exc_info[0].__name__
            line["errorMessage"] = str(record.exc_info[1])
            line["stackTrace"] = frames(record.exc_info[2])
        return json.dumps({name: value for name, value in line.items() if value is not None}, default=str)


def prepare_logging():
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    root = logging.getLogger()
    root.addHandler(Handler())
    if IS_JSON:
        root.setLevel(LEVELS.get(os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO").upper(), 20))


# ---- errors --------------------------------------------------------------------------------------


def frames(trace):
    """Where it came from, without this file's own part."""
    entries = [entry for entry in traceback.extract_tb(trace) if entry.filename != __file__ and not entry.filename.startswith("<frozen importlib")]
    return traceback.format_list(entries)


def error_of(error):
    kind = error.kind if isinstance(error, RuntimeProblem) else type(error).__name__
    told = {"errorMessage": str(error), "errorType": kind}
    if request_id is not None:
        told["requestId"] = request_id
    told["stackTrace"] = frames(error.__traceback__)
    return told


def say_error(told):
    if IS_JSON:
        level = {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "level": "ERROR"}
        sys.stdout.write(json.dumps({**level, **told}) + "\n")
    else:
        text = f"[ERROR] {told['errorType']}: {told['errorMessage']}\nTraceback (most recent call last):\n{''.join(told['stackTrace'])}"
        sys.stdout.write(text.rstrip("\n").replace("\n", "\r") + "\n")
    sys.stdout.flush()


# ---- the handler ---------------------------------------------------------------------------------


def load():
    name = os.environ["_HANDLER"]
    module_name, dot, attribute = name.rpartition(".")
    if not dot:
        raise RuntimeProblem("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RuntimeProblem("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}").with_traceback(error.__traceback__)
    except SyntaxError as error:
        place = f"{os.path.relpath(error.filename, ROOT) if error.filename else module_name}:{error.lineno}"
        raise RuntimeProblem("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error.msg} ({place})") from None
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise RuntimeProblem("Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{module_name}'") from None


def text_of(result):
    try:
        return json.dumps(result, ensure_ascii=False).encode()
    except Exception as error:
        raise RuntimeProblem("Runtime.MarshalError", f"Unable to marshal response: {error}").with_traceback(error.__traceback__)


def serve(api, handler):
    global request_id
    while True:
        status, headers, body = api.call("GET", "/invocation/next")
        if status != 200:
            sys.exit(0)
        request_id = headers["lambda-runtime-aws-request-id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id") or ""
        path = f"/invocation/{request_id}"
        try:
            event = json.loads(body)
            answer = text_of(handler(event, LambdaContext(headers)))
        except SystemExit as error:
            sys.stdout.flush()
            os._exit(exit_code(error))
        except BaseException as error:
            told = error_of(error)
            say_error(told)
            api.report(f"{path}/error", told)
        else:
            sys.stdout.flush()
            api.call("POST", f"{path}/response", answer, {"content-type": "application/json"})
        request_id = None


def exit_code(error):
    return error.code if isinstance(error.code, int) else 0 if error.code is None else 1


def main():
    sys.path.insert(0, ROOT)
    sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))]
    prepare_logging()
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load()
    except BaseException as error:
        told = error_of(error)
        say_error(told)
        api.report("/init/error", told)
        sys.exit(1)
    serve(api, handler)


if __name__ == "__main__":
    main()
