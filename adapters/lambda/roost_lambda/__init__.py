"""Roost on AWS: Lambda, DynamoDB, API Gateway, SQS, EventBridge Scheduler."""
