"""What is known of the cluster and of the agents."""
