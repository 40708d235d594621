"""Makes the bucket at AWS, or at what AWS_ENDPOINT_URL names, and puts the sales of three shops into it."""

from __future__ import annotations

import boto3

SALES = {
    "berlin": "article,amount\ntea,3\npot,1\ntea,2\n",
    "zürich": "article,amount\ntea,7\n",
    "broken": "article,amount\ntea,many\n",
}


def main() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="sales")
    for shop, text in SALES.items():
        s3.put_object(Bucket="sales", Key=f"in/{shop}.csv", Body=text.encode(), ContentType="text/csv")


if __name__ == "__main__":
    main()
