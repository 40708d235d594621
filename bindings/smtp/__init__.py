"""Mail by SMTP; aiosmtplib speaks the protocol."""

from __future__ import annotations

from bindings.contract import Context, OutputBinding
from bindings.manifest import ComponentType
from bindings.smtp.metadata import SmtpMetadata


def _output(metadata: SmtpMetadata, context: Context) -> OutputBinding:
    from bindings.smtp.output import SmtpOutput

    return SmtpOutput(metadata)


component = ComponentType(
    name="bindings.smtp",
    summary="Sends mail, one for each event, over one connection.",
    metadata=SmtpMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: mail
spec:
  type: bindings.smtp
  version: v1
  metadata:
    - name: host
      value: smtp.example.com
    - name: port
      value: "587"
    - name: user
      value: alerts
    - name: password
      secretKeyRef: {name: SMTP_PASSWORD, key: SMTP_PASSWORD}
    - name: emailFrom
      value: alerts@example.com
    - name: emailTo
      value: operator@example.com
    - name: subject
      value: An alert
auth:
  secretStore: environment
""",
    output=_output,
    operations={"create": "Sends a mail whose body is the data of the event."},
    output_metadata={
        "emailFrom": "The sender, instead of the component's.",
        "emailTo": "The recipients, with semicolons between.",
        "emailCC": "Who gets a copy.",
        "emailBCC": "Who gets a copy, unseen by the others.",
        "subject": "The subject.",
        "priority": "From 1, the highest, to 5.",
        "contentType": "`text/html` or `text/plain`; default: that of the data when it is a text, else HTML for a JSON "
        "string, as in Dapr, and plain text for other JSON.",
    },
    extra="smtp",
)
