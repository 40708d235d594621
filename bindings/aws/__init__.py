"""Amazon Web Services, and what speaks their protocols. boto3 blocks, so its calls run in threads of the component."""
