"""The nightly batch on a whole Airflow, written by hand and with this provider."""
