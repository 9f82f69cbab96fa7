"""The console: a web page that shows PBXes and phones to people who read no YAML. It reads, and changes nothing."""
