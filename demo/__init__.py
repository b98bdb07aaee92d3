"""The demo: the invoice-ingestion DAG on the sample documents, under a real Airflow."""
