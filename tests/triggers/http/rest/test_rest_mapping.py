"""Mapping templates as API Gateway's documentation shows them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.manifest.apis import ApiKey
from lambdactl.triggers.http.calls import Allowed, Refusal
from lambdactl.triggers.http.rest.context import facts
from lambdactl.triggers.http.rest.mapping import escape_javascript, for_request, run, templates
from lambdactl.triggers.http.rest.vtl import VtlError, compiled
from tests.triggers.http.rest.mapped import mock, way
from tests.triggers.http.rest.test_rest_vtl import BODY, RECORDED

WAY = way(mock(), variables={"table": "pets-prod", "a.b": "dotted"})


def render(template: str, body: str = "", **given: Any) -> str:
    call = WAY.call(body=body.encode(), **given)
    call.allowed = Allowed(
        shown={"principalId": "ann", "numKey": 1, "boolKey": True, "claims": {"sub": "s-1"}},
        identity={"userArn": "arn:aws:iam::123456789012:user/ann"},
    )
    call.api_key = ApiKey("k1", "Key", "MyTestKey")
    return run(compiled(template), facts(call, body), body)


# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-variable-examples.html


def test_example_1_context_variables() -> None:
    out = render(
        """{
    "stage" : "$context.stage",
    "request_id" : "$context.requestId",
    "api_id" : "$context.apiId",
    "resource_path" : "$context.resourcePath",
    "resource_id" : "$context.resourceId",
    "http_method" : "$context.httpMethod",
    "source_ip" : "$context.identity.sourceIp",
    "user-agent" : "$context.identity.userAgent",
    "account_id" : "$context.identity.accountId",
    "api_key" : "$context.identity.apiKey",
    "caller" : "$context.identity.caller",
    "user" : "$context.identity.user",
    "user_arn" : "$context.identity.userArn"
}""",
        headers={"User-Agent": "curl/7.84.0"},
    )
    found = json.loads(out)
    assert len(found.pop("request_id")) == 36
    assert len(found.pop("api_id")) == 10
    assert len(found.pop("resource_id")) == 6
    assert found == {
        "stage": "prod",
        "resource_path": "/things/{id}",
        "http_method": "POST",
        "source_ip": "203.0.113.7",
        "user-agent": "curl/7.84.0",
        "account_id": "",
        "api_key": "MyTestKey",
        "caller": "",
        "user": "",
        "user_arn": "arn:aws:iam::123456789012:user/ann",
    }


ALL_PARAMETERS = """#set($allParams = $input.params())
{
  "params" : {
    #foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
    "$type" : {
      #foreach($paramName in $params.keySet())
      "$paramName" : "$util.escapeJavaScript($params.get($paramName))"
      #if($foreach.hasNext),#end
      #end
    }
    #if($foreach.hasNext),#end
    #end
  }
}"""


def test_example_2_all_parameters() -> None:
    out = json.loads(
        render(ALL_PARAMETERS, target="/things/7?q=%22a%22&q=b&e", headers={"X-One": "1"}, id="7")
    )
    assert list(out["params"]) == ["path", "querystring", "header"]
    assert out["params"]["path"] == {"id": "7"}
    assert out["params"]["querystring"] == {"q": "b", "e": ""}
    assert out["params"]["header"]["X-One"] == "1"


def test_example_3_a_subsection_of_the_payload() -> None:
    body = '{"Records": {"name": "Bob", "age": 3}}'
    out = render(
        """{
    "name" : "$input.params('name')",
    "body" : $input.json('$.Records')
}""",
        body,
        target="/?name=ann",
    )
    assert json.loads(out) == {"name": "ann", "body": {"name": "Bob", "age": 3}}


def test_example_request_and_response_using_input() -> None:
    # "Example request and response using $input" of
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
    body = '{\n    "things" : {\n        "1" : {},\n        "2" : {},\n        "3" : {}\n    }\n}'
    out = render(
        """{
    "id" : "$input.params('id')",
    "count" : "$input.path('$.things').size()",
    "things" : $input.json('$.things')
}""",
        body,
        id="abc",
    )
    assert json.loads(out) == {"id": "abc", "count": "3", "things": {"1": {}, "2": {}, "3": {}}}


def test_parse_json_example() -> None:
    # The table of $util, same page.
    body = '{"errorMessage":"{\\"key1\\":\\"var1\\",\\"key2\\":{\\"arr\\":[1,2,3]}}"}'
    out = render(
        """#set ($errorMessageObj = $util.parseJson($input.path('$.errorMessage')))
{
   "errorMessageObjKey2ArrVal" : $errorMessageObj.key2.arr[0]
}""",
        body,
    )
    assert json.loads(out) == {"errorMessageObjKey2ArrVal": 1}


def test_photo_album_example() -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/example-photos.html
    body = json.dumps(
        {
            "photos": {
                "page": 1,
                "pages": "1234",
                "photo": [
                    {"id": "12345678901", "title": "Sample photo 1", "ispublic": 1},
                    {"id": "23456789012", "title": "Sample photo 2", "ispublic": 0},
                ],
            }
        }
    )
    out = render(
        """#set($inputRoot = $input.path('$'))
{
  "photos": [
#foreach($elem in $inputRoot.photos.photo)
    {
      "id": "$elem.id",
      "title": "$elem.title",
      "ispublic": $elem.ispublic
    }#if($foreach.hasNext),#end

#end
  ]
}""",
        body,
    )
    assert json.loads(out) == {
        "photos": [
            {"id": "12345678901", "title": "Sample photo 1", "ispublic": 1},
            {"id": "23456789012", "title": "Sample photo 2", "ispublic": 0},
        ]
    }


@pytest.mark.parametrize(
    "each",
    [
        each
        for each in RECORDED
        if "$input" in each.get("template", "") or "$util" in each.get("template", "")
    ],
    ids=lambda each: each["template"][:40],
)
def test_input_and_util_as_recorded(each: dict[str, str]) -> None:
    assert render(each["template"], BODY) == each["out"]


@pytest.mark.parametrize(
    ("template", "body", "out"),
    [
        ("$input.body", "", "{}"),
        ("$input.json('$')", "", "{}"),
        ("$input.json('$')", "a=1&b=2", '"a=1&b=2"'),
        ("$input.json('$.nope')", '{"a":1}', '""'),
        ("[$input.path('$.nope')]", '{"a":1}', "[]"),
        ("#if($input.path('$.nope') == '')none#end", '{"a":1}', "none"),
        ("#if($input.params('nope') == '')none#end", "", "none"),
        ("$input.path('$')", '{"a": 1, "b": [{"c": 5}]}', '{a=1, b=[{"c":5}]}'),
        ("$input.path('$.b')", '{"b": [{"c": "x/y"}]}', '[{"c":"x\\/y"}]'),
        ("$input.path('$.a').length()", '{"a": "four"}', "4"),
        ("$input.json('$.a')", '{"a": "x/y é \\u20ac"}', '"x/y é \\u20AC"'),
        ("$stageVariables.table $stageVariables['a.b']", "", "pets-prod dotted"),
        ("${stageVariables['table']} $stageVariables.nope", "", "pets-prod "),
        ("$context.authorizer.claims.sub", "", "s-1"),
        ("$context.authorizer.numKey $context.authorizer.boolKey", "", "1 true"),
        ("$context.authorizer.boolKey.length()", "", "4"),
        ("$context.wafResponseCode$context.identity.clientCert.subjectDN", "", ""),
        ('$util.escapeJavaScript("it\'s").replaceAll("\\\\\'","\'")', "", "it's"),
    ],
)
def test_variables(template: str, body: str, out: str) -> None:
    assert render(template, body) == out


def test_every_documented_context_variable_is_there() -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
    names = (
        "accountId apiId deploymentId domainName domainPrefix extendedRequestId httpMethod"
        " identity.apiKey identity.apiKeyId identity.sourceIp path protocol requestId requestTime"
        " requestTimeEpoch resourceId resourcePath stage xrayTraceId awsEndpointRequestId"
        " isCanaryRequest authorizer.principalId identity.userArn"
    )
    for name in names.split():
        assert render(f"$context.{name}"), name


def test_what_a_template_changes_in_the_payload_shows() -> None:
    """After a sample of AWS, apigw-mappingtemplate-lambda of serverless-patterns, whose README says
    what comes of it."""
    template = (
        "#set($root = $input.path('$'))#if($root.toString().contains(\"error\"))"
        '#set($root.code = 650)#set($root.list[0].a = 2)#end$input.json("$")'
    )
    payload = '{"code":200,"body":"error1","list":[{"a":1}]}'
    assert render(template, payload) == '{"code":650,"body":"error1","list":[{"a":2}]}'
    assert render(template, payload.replace("error1", "fine")) == payload.replace("error1", "fine")


def test_a_payload_that_is_no_json_is_refused_where_json_is_wanted() -> None:
    with pytest.raises(Refusal) as caught:
        render("$input.json('$')", '{"a":')
    assert caught.value.type == "BAD_REQUEST_BODY"
    assert render("$input.body", '{"a":') == '{"a":'


@pytest.mark.parametrize(
    "template",
    [
        "$util.parseJson('{')",
        "$util.base64Decode('*')",
        "$input.path('$[')",
        "#set($context.responseOverride.status = 1)#set($context.responseOverride.status = 2)",
        "#set($h = $context.requestOverride.header)#set($h.a = 1)#set($h.a = 1)",
    ],
)
def test_failures_are_errors_of_the_template(template: str) -> None:
    with pytest.raises(VtlError):
        render(template, "{}")


# Example 1 and 2 of
# https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html,
# and its text for no template at all.
@pytest.mark.parametrize(
    ("defined", "sent", "passthrough", "outcome"),
    [
        ("application/json", None, "when_no_match", "mapped"),
        ("application/json", None, "when_no_templates", "mapped"),
        ("application/json", None, "never", "mapped"),
        ("application/json", "application/json; charset=UTF-8", "never", "mapped"),
        ("application/json", "application/xml", "when_no_match", "passed"),
        ("application/json", "application/xml", "when_no_templates", "refused"),
        ("application/json", "application/xml", "never", "refused"),
        ("application/xml", None, "when_no_match", "passed"),
        ("application/xml", None, "when_no_templates", "refused"),
        ("application/xml", "application/json", "never", "refused"),
        ("application/xml", "Application/XML", "when_no_templates", "mapped"),
        (None, "application/json", "when_no_match", "passed"),
        (None, "application/json", "when_no_templates", "passed"),
        (None, "application/json", "never", "refused"),
    ],
)
def test_passthrough(defined: str | None, sent: str | None, passthrough: str, outcome: str) -> None:
    found = templates({defined: "x"} if defined else {}, "it", lambda words: None)
    if outcome == "refused":
        with pytest.raises(Refusal) as caught:
            for_request(found, sent, passthrough)
        assert caught.value.type == "UNSUPPORTED_MEDIA_TYPE"
    else:
        assert (for_request(found, sent, passthrough) is not None) == (outcome == "mapped")


@given(st.text())
def test_escaped_javascript_is_the_text_to_json(text: str) -> None:
    escaped = escape_javascript(text)
    assert json.loads(f'"{escaped}"'.replace("\\'", "'")) == text
    assert escaped.isascii()


@given(st.text(), st.text())
def test_any_template_over_any_body_renders_or_is_an_error_of_ours(a: str, body: str) -> None:
    with suppress(VtlError, Refusal):
        render(f"{a}$input.json('$')$input.path('$.a').b[0]", body)
