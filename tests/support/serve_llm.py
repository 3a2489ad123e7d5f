"""serve_llm.py MODEL.gguf PORT: llama.cpp's OpenAI-compatible server on 127.0.0.1, as `xllamacpp` ships it.

Answers 503 on /health while the model loads. One thread: the tests share the cores with what they test, and
llama.cpp's threads wait for each other by spinning.
"""

import sys
import time

import xllamacpp

MODEL_NAME = "local-test-model"
CONTEXT_TOKENS = 8192
THREADS = 1


def main(model: str, port: int) -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.model_alias = {MODEL_NAME}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = THREADS
    parameters.cpuparams_batch.n_threads = THREADS
    parameters.use_jinja = True
    server = xllamacpp.Server(parameters)
    print(f"listening on {server.listening_address}", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
