"""A function with versions, in moto."""

from __future__ import annotations

import io
import json
import zipfile

from lambdactl.deploy.account import Account

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def archive(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as found:
        found.writestr("app.py", text)
    return file.getvalue()


def function(account: Account, name: str, versions: int, **more: object) -> None:
    """Make it, with so many published versions."""
    iam = account.client("iam")
    role = iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument=json.dumps(TRUST))
    lambda_ = account.client("lambda")
    lambda_.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": archive("0")},
        **more,
    )
    for number in range(1, versions + 1):
        publish(account, name, str(number))


def publish(account: Account, name: str, text: str) -> str:
    lambda_ = account.client("lambda")
    lambda_.update_function_code(FunctionName=name, ZipFile=archive(text))
    return str(lambda_.publish_version(FunctionName=name)["Version"])
