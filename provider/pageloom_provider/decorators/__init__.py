"""The task decorator `@task.pageloom`."""
