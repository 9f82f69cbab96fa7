"""Pure: from what is observed to what is desired, and to the words of status and Events."""
