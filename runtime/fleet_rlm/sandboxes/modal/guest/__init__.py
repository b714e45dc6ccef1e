"""Small programs that are sent into a Modal sandbox as text. Standard library only, Python 3.9 and newer."""
