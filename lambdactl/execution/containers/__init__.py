"""Execution environments in containers: the same functions in AWS's own images.

A container differs from a process in how it starts, what limits it and how it ends
(:mod:`~lambdactl.execution.containers.sandbox`), and in nothing else: the Runtime API, the
environment, the pool and the invoker are the same. The room asks an engine
(:mod:`~lambdactl.execution.containers.engine`), gets an image
(:mod:`~lambdactl.execution.containers.images`), and knows what it has started, so that nothing is
left behind (:mod:`~lambdactl.execution.containers.labels`).

All calls of the docker SDK block: they are made in threads, and only here.
"""
