"""From a phone's configuration to its machine's plan and to the REGISTER that is sent."""
