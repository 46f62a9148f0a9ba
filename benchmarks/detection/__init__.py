"""What fpcheck finds and what it calls it: good models, every known fault, every benign change."""
