"""The Airflow provider for pageloom: operators that read documents, on CPU and GPU workers."""
