"""Makes what the example needs at AWS, or at what AWS_ENDPOINT_URL names, and sends three payments."""

from __future__ import annotations

import json

import boto3

PAYMENTS = [("ann", 10), ("bob", 5), ("ann", 7)]


def main() -> None:
    boto3.client("secretsmanager").create_secret(Name="ledger-token", SecretString="letmein")
    boto3.client("sns").create_topic(Name="receipts")
    boto3.client("kinesis").create_stream(StreamName="journal", ShardCount=1)
    for table, key in (("balances", "key"), ("statements", "id")):
        boto3.client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="payments.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for number, (account, amount) in enumerate(PAYMENTS):
        sqs.send_message(
            QueueUrl=url,
            MessageBody=json.dumps({"account": account, "amount": amount}),
            MessageGroupId=account,
            MessageDeduplicationId=str(number),
        )


if __name__ == "__main__":
    main()
