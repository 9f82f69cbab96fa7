"""kubectl softphone: what people do with a fleet of softphones at the command line."""
