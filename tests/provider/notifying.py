"""A notifier that remembers what it was told."""

from airflow.sdk import BaseNotifier

SENT = []


class Recorder(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text):
        super().__init__()
        self.text = text

    def notify(self, context):
        SENT.append(self.text)
