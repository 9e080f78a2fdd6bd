"""What it costs to wait for many videos, and how late their end is seen: ours against what Airflow has."""
