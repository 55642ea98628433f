"""What the framework does, one verb a module. A service is given its ports and settings; it imports no door."""
