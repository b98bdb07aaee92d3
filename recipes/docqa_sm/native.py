"""Questions for well-known fields in German, French, Spanish and Italian.

Rows of phrases as in `recipes.docqa_sm.phrases`.
"""

__all__ = ["NATIVE"]

NATIVE = {
    "de": {
        "seller": "Wer hat die Rechnung ausgestellt?|Wie heißt der Verkäufer?|Von wem ist die"
        " Rechnung?|Welche Firma ist der Lieferant?",
        "buyer": "Wer ist der Kunde?|An wen geht die Rechnung?|Wer muss zahlen?|Wie heißt der"
        " Käufer?",
        "invoice_number": "Wie lautet die Rechnungsnummer?|Rechnungsnummer?|Welche Nummer hat die"
        " Rechnung?|Unter welcher Nummer läuft die Rechnung?",
        "invoice_date": "Wann wurde die Rechnung ausgestellt?|Was ist das Rechnungsdatum?|Von wann"
        " ist die Rechnung?|Welches Datum trägt die Rechnung?",
        "due_date": "Wann ist die Rechnung fällig?|Bis wann muss gezahlt werden?|Fälligkeitsdatum?"
        "|Wann läuft die Zahlungsfrist ab?",
        "total": "Wie hoch ist der Gesamtbetrag?|Was ist die Summe?|Wie viel muss ich zahlen?"
        "|Rechnungsbetrag?|Wie viel kostet alles zusammen?",
        "net": "Wie hoch ist der Nettobetrag?|Was kostet es ohne Steuer?|Nettosumme?"
        "|Wie viel ist es netto?",
        "tax": "Wie hoch ist die Mehrwertsteuer?|Wie viel Umsatzsteuer ist enthalten?|Steuerbetrag?"
        "|Welcher Betrag ist Steuer?",
        "iban": "Wie lautet die IBAN?|Auf welches Konto soll ich überweisen?|IBAN?|Welche"
        " Kontonummer ist angegeben?",
        "sender": "Wer hat den Brief geschrieben?|Wer ist der Absender?|Von wem kommt der Brief?"
        "|Wer schreibt hier?",
        "recipient": "An wen ist der Brief gerichtet?|Wer ist der Empfänger?|Für wen ist der Brief?"
        "|Wem wurde geschrieben?",
        "subject": "Worum geht es in dem Brief?|Wie lautet der Betreff?|Betreff?|Was ist das"
        " Thema?",
        "closing_balance": "Wie hoch ist der neue Kontostand?|Was ist der Endsaldo?|Wie viel"
        " ist auf"
        " dem Konto?|Was ist der Saldo am Ende?",
        "account_holder": "Wem gehört das Konto?|Wer ist der Kontoinhaber?|Kontoinhaber?",
        "date_of_birth": "Wann wurde die Person geboren?|Geburtsdatum?|Was ist das Geburtsdatum?",
        "name": "Wie heißt die Person?|Wie ist der Name?|Name?",
    },
    "fr": {
        "seller": "Qui a émis la facture ?|Quel est le fournisseur ?|De qui vient la facture ?"
        "|Comment s'appelle le vendeur ?",
        "buyer": "Qui est le client ?|À qui est adressée la facture ?|Qui doit payer ?|Comment"
        " s'appelle l'acheteur ?",
        "invoice_number": "Quel est le numéro de facture ?|Numéro de facture ?|Quel numéro porte la"
        " facture ?|Sous quel numéro est la facture ?",
        "invoice_date": "Quelle est la date de la facture ?|Quand la facture a-t-elle été émise ?"
        "|De quand date la facture ?|Date de facturation ?",
        "due_date": "Quelle est la date d'échéance ?|Quand faut-il payer ?|Échéance ?|Jusqu'à quand"
        " peut-on payer ?",
        "total": "Quel est le montant total ?|Combien dois-je payer ?|Quel est le total ?|Montant à"
        " payer ?|Combien cela coûte-t-il en tout ?",
        "net": "Quel est le montant hors taxes ?|Quel est le total HT ?|Montant net ?|Combien sans"
        " la taxe ?",
        "tax": "Quel est le montant de la TVA ?|Combien de TVA est comprise ?|Montant de la taxe ?"
        "|Combien y a-t-il de taxe ?",
        "iban": "Quel est l'IBAN ?|Sur quel compte dois-je virer l'argent ?|IBAN ?|Quel compte est"
        " indiqué ?",
        "sender": "Qui a écrit la lettre ?|Qui est l'expéditeur ?|De qui vient la lettre ?|Qui"
        " écrit ?",
        "recipient": "À qui la lettre est-elle adressée ?|Qui est le destinataire ?|Pour qui est la"
        " lettre ?|À qui écrit-on ?",
        "subject": "Quel est l'objet de la lettre ?|De quoi parle la lettre ?|Objet ?|Quel est le"
        " sujet ?",
        "closing_balance": "Quel est le nouveau solde ?|Quel est le solde final ?|Combien y a-t-il"
        " sur le compte ?|Quel est le solde à la fin ?",
        "account_holder": "Qui est le titulaire du compte ?|À qui est le compte ?|Titulaire ?",
        "date_of_birth": "Quand la personne est-elle née ?|Quelle est la date de naissance ?"
        "|Date de naissance ?",
        "name": "Comment s'appelle la personne ?|Quel est le nom ?|Nom ?",
    },
    "es": {
        "seller": "¿Quién emitió la factura?|¿Quién es el proveedor?|¿De quién es la factura?"
        "|¿Cómo se llama el vendedor?",
        "buyer": "¿Quién es el cliente?|¿A quién va dirigida la factura?|¿Quién tiene que pagar?"
        "|¿Cómo se llama el comprador?",
        "invoice_number": "¿Cuál es el número de factura?|¿Número de factura?|¿Qué número lleva la"
        " factura?|¿Con qué número está la factura?",
        "invoice_date": "¿Cuál es la fecha de la factura?|¿Cuándo se emitió la factura?|¿De cuándo"
        " es la factura?|¿Fecha de facturación?",
        "due_date": "¿Cuál es la fecha de vencimiento?|¿Cuándo hay que pagar?|¿Vencimiento?|¿Hasta"
        " cuándo se puede pagar?",
        "total": "¿Cuál es el importe total?|¿Cuánto tengo que pagar?|¿Cuál es el total?|¿Total a"
        " pagar?|¿Cuánto cuesta todo?",
        "net": "¿Cuál es la base imponible?|¿Cuánto es sin impuestos?|¿Importe neto?|¿Cuánto cuesta"
        " sin IVA?",
        "tax": "¿Cuánto es el IVA?|¿Cuál es el importe del impuesto?|¿Cuota de IVA?|¿Cuánto se paga"
        " de impuestos?",
        "iban": "¿Cuál es el IBAN?|¿A qué cuenta debo transferir?|¿IBAN?|¿Qué cuenta se indica?",
        "sender": "¿Quién escribió la carta?|¿Quién es el remitente?|¿De quién es la carta?|¿Quién"
        " escribe?",
        "recipient": "¿A quién va dirigida la carta?|¿Quién es el destinatario?|¿Para quién es la"
        " carta?|¿A quién se escribe?",
        "subject": "¿Cuál es el asunto de la carta?|¿De qué trata la carta?|¿Asunto?|¿Cuál es el"
        " tema?",
        "closing_balance": "¿Cuál es el nuevo saldo?|¿Cuál es el saldo final?|¿Cuánto hay en la"
        " cuenta?|¿Qué saldo queda al final?",
        "account_holder": "¿Quién es el titular de la cuenta?|¿De quién es la cuenta?|¿Titular?",
        "date_of_birth": "¿Cuándo nació la persona?|¿Cuál es la fecha de nacimiento?"
        "|¿Fecha de nacimiento?",
        "name": "¿Cómo se llama la persona?|¿Cuál es el nombre?|¿Nombre?",
    },
    "it": {
        "seller": "Chi ha emesso la fattura?|Chi è il fornitore?|Di chi è la fattura?|Come si"
        " chiama"
        " il venditore?",
        "buyer": "Chi è il cliente?|A chi è intestata la fattura?|Chi deve pagare?|Come si chiama"
        " l'acquirente?",
        "invoice_number": "Qual è il numero della fattura?|Numero fattura?|Che numero ha la"
        " fattura?"
        "|Con quale numero è registrata la fattura?",
        "invoice_date": "Qual è la data della fattura?|Quando è stata emessa la fattura?|Di"
        " quando è"
        " la fattura?|Data di emissione?",
        "due_date": "Qual è la data di scadenza?|Entro quando bisogna pagare?|Scadenza?|Quando"
        " scade"
        " il pagamento?",
        "total": "Qual è l'importo totale?|Quanto devo pagare?|Qual è il totale?|Totale da pagare?"
        "|Quanto costa tutto insieme?",
        "net": "Qual è l'imponibile?|Quanto costa senza IVA?|Importo netto?|Quanto è senza"
        " imposte?",
        "tax": "Quanto è l'IVA?|Qual è l'importo dell'imposta?|Importo IVA?|Quanto si paga di"
        " imposta?",
        "iban": "Qual è l'IBAN?|Su quale conto devo fare il bonifico?|IBAN?|Quale conto è"
        " indicato?",
        "sender": "Chi ha scritto la lettera?|Chi è il mittente?|Di chi è la lettera?|Chi scrive?",
        "recipient": "A chi è indirizzata la lettera?|Chi è il destinatario?|Per chi è la lettera?"
        "|A chi si scrive?",
        "subject": "Qual è l'oggetto della lettera?|Di cosa parla la lettera?|Oggetto?|Qual è"
        " l'argomento?",
        "closing_balance": "Qual è il nuovo saldo?|Qual è il saldo finale?|Quanto c'è sul conto?"
        "|Quale saldo resta alla fine?",
        "account_holder": "Chi è l'intestatario del conto?|Di chi è il conto?|Intestatario?",
        "date_of_birth": "Quando è nata la persona?|Qual è la data di nascita?|Data di nascita?",
        "name": "Come si chiama la persona?|Qual è il nome?|Nome?",
    },
}
