from apig_wsgi import make_lambda_handler
from flask import Flask, jsonify, make_response, request

app = Flask(__name__)


@app.get("/hello/<name>")
def hello(name):
    return jsonify(name=name, a=request.args.getlist("a"), path=request.path)


@app.post("/upload")
def upload():
    answer = make_response(request.get_data())
    answer.headers["Content-Type"] = "application/octet-stream"
    answer.set_cookie("first", "1")
    answer.set_cookie("second", "2")
    return answer, 201


handler = make_lambda_handler(app, binary_support=True)
