"""What Airflow's triggerer waits for."""
