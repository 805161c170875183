from onus.cli import main

main()
