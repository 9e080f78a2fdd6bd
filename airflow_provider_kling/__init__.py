"""Apache Airflow provider for Kling AI video generation."""

__version__ = "0.1.0"
