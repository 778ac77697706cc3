"""What every test finds: the environment that the template gives a function, and no way to a real account."""

import os

from hypothesis import settings

pytest_plugins = ["tests.local_aws"]

settings.register_profile("unhurried", deadline=None)  # a slow machine is no failing test
settings.load_profile("unhurried")

os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_METRICS_NAMESPACE="Duebell",  # read when a handler is imported
)
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
    os.environ.pop(name, None)
