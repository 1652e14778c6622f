"""The rules that template.yaml keeps, as cfn-nag and its like have them, over the parsed template; and AWS's linter."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import pytest

ROOT: Final = Path(__file__).parents[2]
DOC: Final = (ROOT / "docs" / "security.md").read_text()
FUNCTION: Final = "AWS::Serverless::Function"
SECRET: Final = {"ROOST_ADMIN_TOKEN", "ROOST_OPERATORS", "ROOST_ORIGIN_SECRET"}
KNOWN: Final = frozenset({
    FUNCTION, "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage", "AWS::CloudFront::Distribution", "AWS::CloudWatch::Alarm",
    "AWS::DynamoDB::Table", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup", "AWS::SQS::Queue", "AWS::Scheduler::ScheduleGroup", "AWS::SecretsManager::Secret",
})  # fmt: skip
"""Types whose rules stand here: one more needs its own. No buckets, no networks, no users, no keys."""


def _template() -> dict[str, Any]:
    decode: Any = importlib.import_module("cfnlint.decode").decode
    found, errors = decode(str(ROOT / "template.yaml"))
    assert not errors
    return cast("dict[str, Any]", found)


TEMPLATE: Final = _template()
RESOURCES: Final[dict[str, Any]] = TEMPLATE["Resources"]


def of(kind: str) -> dict[str, Any]:
    """Resources of a type: {name: properties}."""
    found = {name: r["Properties"] for name, r in RESOURCES.items() if r["Type"] == kind}
    assert found, kind
    return found


def many(value: Any) -> list[Any]:
    found: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType] (YAML)
    return found


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, statement) of each policy that gives a right to somebody here."""
    for name, properties in {**of("AWS::IAM::ManagedPolicy"), **of("AWS::IAM::Policy")}.items():
        for one in properties["PolicyDocument"]["Statement"]:
            yield name, one
    for name, properties in of("AWS::IAM::Role").items():
        for policy in properties.get("Policies", ()):
            for one in policy["PolicyDocument"]["Statement"]:
                yield name, one


def arn(value: Any) -> str:
    """A resource as text, what is filled in left out."""
    if isinstance(value, dict):
        found: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] (YAML)
        if "Fn::GetAtt" in found:
            return ".".join(map(str, many(found["Fn::GetAtt"])))
        return str(many(found["Fn::Sub"] if "Fn::Sub" in found else found["Ref"])[0])
    return str(value)


def test_the_linter_finds_nothing() -> None:
    tool = shutil.which("cfn-lint")
    assert tool, "run scripts/setup test"
    done = subprocess.run([tool, "template.yaml"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_type_of_resource_has_its_rules_here() -> None:
    assert {r["Type"] for r in RESOURCES.values()} <= KNOWN


def test_no_right_is_for_everything() -> None:
    for where, one in statements():
        assert one["Effect"] == "Allow" and "NotAction" not in one and "NotResource" not in one, where
        for action in many(one["Action"]):
            assert re.fullmatch(r"[a-z-]+:[A-Z][A-Za-z]+", action), (where, action)
        for resource in map(arn, many(one["Resource"])):
            assert resource != "*" and not resource.startswith("*"), (where, resource)
            named = re.sub(r"\$\{AWS::\w+\}", "", resource)
            assert re.search(r"\$\{[\w.]+\}|^\w+\.(Arn|StreamArn)$|^OriginSecret$", named), (
                where,
                resource,
                "of this stack",
            )
        if "iam:PassRole" in many(one["Action"]):
            assert one["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def test_each_function_has_a_role_of_its_own_and_nothing_of_awss_own() -> None:
    roles = [arn(properties["Role"]) for properties in of(FUNCTION).values()]
    assert sorted(roles) == sorted(f"{name}Role.Arn" for name in of(FUNCTION)), "one each"
    for name, properties in of(FUNCTION).items():
        assert "Policies" not in properties and "ManagedPolicyArns" not in properties, name
    for name, properties in of("AWS::IAM::Role").items():
        for attached in properties.get("ManagedPolicyArns", ()):
            text = str(attached)
            assert "arn:aws" not in text and "service-role" not in text, (name, text)
            assert re.search(r"(Log|Config|Agent|Origin)Policy", text), (name, text)


def test_roles_are_taken_by_the_service_they_are_for() -> None:
    for name, properties in of("AWS::IAM::Role").items():
        for one in properties["AssumeRolePolicyDocument"]["Statement"]:
            service = "scheduler" if name == "SchedulesRole" else "lambda"
            assert one["Principal"] == {"Service": f"{service}.amazonaws.com"}, name
    assert "aws:SourceAccount" in str(RESOURCES["SchedulesRole"])


def test_each_right_is_explained() -> None:
    """docs/security.md has a line for each function, and one for each part, with all that it may do."""
    for where, one in statements():
        name = {"SocketAgain": "Socket"}.get(where, where.removesuffix("Role"))
        if name == "Schedules":
            name = "Scheduler"
        line = re.search(rf"^\| `{name}` \|.*$", DOC, re.MULTILINE)
        assert line, f"docs/security.md says nothing of {name}"
        for action in many(one["Action"]):
            assert action in line[0], (where, action)


def test_who_may_invoke_a_function() -> None:
    for name, properties in of("AWS::Lambda::Permission").items():
        if properties["Principal"] == "*":
            assert RESOURCES[name]["Condition"] == "IsOpen" and arn(properties["FunctionName"]) == "Web", name
            assert properties.get("FunctionUrlAuthType") == "NONE" or properties.get("InvokedViaFunctionUrl") is True
        else:
            assert properties["Principal"] == "apigateway.amazonaws.com" and "SourceArn" in properties, name
    assert TEMPLATE["Conditions"]["IsOpen"] == {"Fn::Equals": [{"Ref": "HttpAuth"}, "NONE"]}
    invoked = [p["Action"] for p in of("AWS::Lambda::Permission").values() if p["Principal"] == "*"]
    assert sorted(invoked) == ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"]


def test_queues_are_encrypted_and_end_somewhere() -> None:
    for name, properties in of("AWS::SQS::Queue").items():
        assert properties["SqsManagedSseEnabled"] is True, name
        if name == "DeadLetters":
            assert properties["MessageRetentionPeriod"] == 14 * 86400
        else:
            assert arn(properties["RedrivePolicy"]["deadLetterTargetArn"]) == "DeadLetters.Arn", name
    assert "DeadLetters" in str(of("AWS::CloudWatch::Alarm")["DeadLettersAlarm"]["Dimensions"])


def test_a_queue_hides_a_message_for_its_functions_longest_life() -> None:
    """AWS refuses less; an invocation of jobs has one message, whose hiding it shortens."""
    default = TEMPLATE["Globals"]["Function"]["Timeout"]
    for name, properties in of(FUNCTION).items():
        for event in properties.get("Events", {}).values():
            if event["Type"] == "SQS":
                queue = arn(event["Properties"]["Queue"]).removesuffix(".Arn")
                hidden = of("AWS::SQS::Queue")[queue]["VisibilityTimeout"]
                assert properties.get("Timeout", default) <= hidden, name
    job = of(FUNCTION)["Job"]
    assert job["Events"]["Bell"]["Properties"]["BatchSize"] == 1 and job["Timeout"] == 900


def test_the_table_is_encrypted_and_outlives_mistakes() -> None:
    [(name, properties)] = of("AWS::DynamoDB::Table").items()
    assert properties["SSESpecification"]["SSEEnabled"] is True and "KeyArn" in str(properties["SSESpecification"])
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] is True
    assert (RESOURCES[name]["DeletionPolicy"], RESOURCES[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_logs_end_and_can_have_a_key() -> None:
    [(name, properties)] = of("AWS::Logs::LogGroup").items()
    assert properties["RetentionInDays"] == {"Ref": "LogDays"} and "KeyArn" in str(properties["KmsKeyId"])
    assert TEMPLATE["Globals"]["Function"]["LoggingConfig"] == {"LogGroup": {"Ref": name}}, "all functions log there"
    assert "query" not in str(of("AWS::ApiGatewayV2::Stage")["SocketStage"]["AccessLogSettings"]).lower()


def test_what_floods_is_held_back() -> None:
    settings = of("AWS::ApiGatewayV2::Stage")["SocketStage"]["DefaultRouteSettings"]
    assert {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= settings.keys()
    for name, properties in of(FUNCTION).items():
        if name in ("Web", "Socket"):
            assert "Concurrency" in str(properties["ReservedConcurrentExecutions"]), name
        for event in properties.get("Events", {}).values():
            if event["Type"] == "SQS":
                bound = "JobConcurrency" if name == "Job" else "WakeConcurrency"
                assert event["Properties"]["ScalingConfig"] == {"MaximumConcurrency": {"Ref": bound}}, name
            if event["Type"] == "DynamoDB":
                assert "DestinationConfig" in event["Properties"] and event["Properties"]["MaximumRetryAttempts"] <= 10


def test_secrets_are_not_shown() -> None:
    for name, properties in TEMPLATE["Parameters"].items():
        if re.search("Token|Operators|ExportKeys|Password|SecretValue", name):
            assert properties["NoEcho"] is True and not properties.get("Default"), name
    assert "AdminToken" not in str(TEMPLATE["Outputs"]) and "OriginSecret" not in str(TEMPLATE["Outputs"])
    for name, properties in of(FUNCTION).items():
        variables = properties.get("Environment", {}).get("Variables", {})
        secret = {v for v in variables if re.search("TOKEN|SECRET|OPERATORS", v)}
        assert secret == (SECRET if name in ("Web", "Socket") else set()), name
        if secret:
            assert "secretsmanager:" in str(variables["ROOST_ORIGIN_SECRET"]), "by its name, not itself"
        assert ("ROOST_EXPORT_KEYS" in variables) == (name == "Web"), name
    assert not re.search("TOKEN|SECRET|OPERATORS|KEYS", str(TEMPLATE["Globals"]["Function"]["Environment"]))


def test_the_domain_is_the_only_entrance_and_encrypted() -> None:
    [(name, properties)] = of("AWS::CloudFront::Distribution").items()
    assert RESOURCES[name]["Condition"] == RESOURCES["OriginSecret"]["Condition"] == "HasDomain"
    config = properties["DistributionConfig"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    for behavior in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        assert behavior["ViewerProtocolPolicy"] == "https-only"
    for origin in config["Origins"]:
        assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
        [header] = origin["OriginCustomHeaders"]
        assert header["HeaderName"] == "x-roost-origin-secret" and "resolve:secretsmanager" in str(
            header["HeaderValue"]
        )
    for function in ("Web", "Socket"):
        assert "HasDomain" in str(of(FUNCTION)[function]["Environment"]["Variables"]["ROOST_ORIGIN_SECRET"])


@pytest.mark.parametrize("spoilt", ["*", "dynamodb:*", "iam:PassRole"])
def test_the_rule_of_rights_sees_a_wide_one(spoilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = RESOURCES["LogPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    monkeypatch.setitem(RESOURCES["LogPolicy"]["Properties"]["PolicyDocument"], "Statement",
                        [*policy, {"Effect": "Allow", "Action": spoilt, "Resource": "*"}])  # fmt: skip
    with pytest.raises(AssertionError):
        test_no_right_is_for_everything()
