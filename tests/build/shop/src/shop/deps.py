class Deps:
    mailer: str = "smtp"
