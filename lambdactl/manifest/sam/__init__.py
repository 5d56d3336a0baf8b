"""SAM and CloudFormation templates -> the same model as ``lambdactl.yaml``.

``TemplateReader`` lays a template out as the manifest that says the same, every value at its place
in the template (``functions``, ``events``, ``routes``, ``links`` ...), after the functions of
CloudFormation have been computed (``template``, ``intrinsics``, ``parameters``); the schema and
the rules of the manifest do the rest. ``convert`` writes that manifest down.

Nothing is imported here: a template is read by :mod:`lambdactl.manifest.loading`.
"""
