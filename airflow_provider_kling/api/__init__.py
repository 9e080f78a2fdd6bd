"""Kling over HTTP. Nothing in here knows of Airflow."""
