"""From a phone's configuration to what the machine is told and to what is sent."""
