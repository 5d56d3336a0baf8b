"""New code for a function that is there, and nothing else: what ``lambdactl sync`` does."""

from __future__ import annotations

from lambdactl.artifacts.builds import Built
from lambdactl.artifacts.model import Artifact
from lambdactl.deploy.desired import Wanted, code
from lambdactl.deploy.kinds import functions, kinds
from lambdactl.deploy.model import Context
from lambdactl.errors import TakenError, UserError


def update_code(context: Context, function_name: str, artifact: Artifact) -> bool:
    """Upload the code of a function, if it is another one, and wait until it is live.

    :param function_name: in the manifest.
    :return: whether it was another one.
    :raises UserError: the function is not deployed yet.
    :raises TakenError: it is not this service's and stage's.
    :raises AwsError: Lambda did not take it.
    """
    naming = context.naming
    name = naming.function(function_name)
    context.account.forget(f"function:{name}/")
    live = kinds()["function"].read(context, name)
    if live is None:
        raise UserError(
            f"the function {name} is not deployed yet", hint="run `lambdactl deploy` first"
        )
    if live.owner != naming.owner:
        raise TakenError(
            f"the function {name} is not one of {naming.service}, stage {naming.stage}",
            hint="lambdactl changes nothing that isn't its own",
        )
    if not functions.is_new(live, artifact):
        return False
    # A bucket or a repository on the way there, where this one needs it for the first time.
    for resource in code.resources(Wanted(naming, Built((artifact,)))):
        if kinds()[resource.kind].read(context, resource.name) is None:
            kinds()[resource.kind].create(context, resource)
    functions.upload(context, live, function_name, artifact)
    return True
