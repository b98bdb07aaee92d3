"""How people ask for a field: nouns for it, whole questions, and questions around any noun.

Each entry is a row of phrases between bars. Of rows with four or more, the last quarter is kept for
test questions (see `split_phrases`), so the best known phrases come first.
"""

from __future__ import annotations

from typing import Literal

from recipes.documents.layout import HELD_OUT

__all__ = [
    "ALIKE",
    "ANY_NOUN",
    "CAPTION",
    "NATIVE_CAPTION",
    "NEAR",
    "NOUNS",
    "OF_ROW",
    "RELATED",
    "SORTS",
    "SORT_NOUN",
    "WHOLE",
    "split_phrases",
]

Part = Literal["train", "test"]


def split_phrases(row: str, part: Part) -> list[str]:
    """The phrases of a row that a part of the data may use; for "test" those that are held out,
    or all of a row that is too short to have any.
    """
    phrases = [phrase.strip() for phrase in row.split("|")]
    held = round(len(phrases) * HELD_OUT) if len(phrases) >= 4 else 0
    if not held:
        return phrases
    return phrases[-held:] if part == "test" else phrases[:-held]


# -- any noun --------------------------------------------------------------------------------------

ANY_NOUN = (
    "What is the {}?|{}?|What's the {}?|{}|Please tell me the {}.|Find the {}.|the {}"
    "|What is the {} on this document?|Could you give me the {}?|Which {} is given?|I need the {}."
    "|What {} is stated here?|Can you read the {}?|Show me the {}|What is the {} of this document?"
    "|Give the {}|What does the document say is the {}?|Look up the {}, please|Extract the {}"
    "|Do you see the {}? What is it?|Read out the {}."
)
# What kind of thing a field is, and the questions that only such a thing is asked with.
SORT_NOUN = {
    "date": "When is the {}?|What date is the {}?|On which day is the {}?|Which date is the {}?",
    "party": "Who is the {}?|What is the name of the {}?|What is the {} called?|Name the {}."
    "|Who is named as the {}?",
    "amount": "How much is the {}?|What amount is the {}?|How high is the {}?|What sum is the {}?"
    "|How large is the {}?",
    "place": "Where is the {}?|Which place is the {}?",
    "number": "Which number is the {}?|What are the digits of the {}?",
}
SORTS = {
    "date": "invoice_date due_date letter_date statement_date delivery_date report_date order_date"
    " date_of_birth service_date start_date end_date date",
    "party": "seller buyer sender recipient account_holder bank employer author patient customer",
    "amount": "total net tax subtotal opening_balance closing_balance balance discount shipping"
    " cash change item_amount item_unit_price amount salary",
    "number": "invoice_number order_number tax_id iban customer_number account_number phone fax"
    " reference delivery_note_number",
}
# Around what a row of a table is called, and the noun of another of its cells.
OF_ROW = (
    "What is the {noun} of {row}?|What is the {noun} for {row}?|{noun} of {row}?|{row}: {noun}?"
    '|Which {noun} does {row} have?|What {noun} is listed for {row}?|{noun} for "{row}"'
    "|For {row}, what is the {noun}?|What {noun} stands in the row {row}?"
)

# -- any caption -----------------------------------------------------------------------------------

CAPTION = (
    "What is the {}?|{}?|{}|What does it say next to {}?|Which value is given for {}?|{}:"
    '|What is written beside "{}"?|What is the value of {}?|What is entered for {}?|What is {}?'
    "|What stands under {}?|Give me the value for {}|What's in the field {}?|What is stated as {}?"
    "|What is filled in at {}?|the entry labelled {}|What does the document give as {}?"
    "|Read what follows {}"
)
NATIVE_CAPTION = {
    "de": "Was steht bei {}?|Wie lautet {}?|Welcher Wert steht neben {}?|Was ist {}?|Was ist als {}"
    " angegeben?|{} bitte|Welche Angabe gibt es zu {}?|Was wurde bei {} eingetragen?",
    "fr": "Quel est {} ?|Qu'est-il indiqué pour {} ?|Quelle valeur est donnée pour {} ?|Qu'y a-t-il"
    " à côté de {} ?|Que lit-on pour {} ?|{} s'il vous plaît|Donnez {}|Que vaut {} ?",
    "es": "¿Cuál es {}?|¿Qué pone en {}?|¿Qué valor tiene {}?|¿Qué figura junto a {}?|Indique {}"
    "|¿Qué se indica en {}?|Dime {}|¿Qué aparece como {}?",
    "it": "Qual è {}?|Che cosa è scritto accanto a {}?|Quale valore ha {}?|Cosa c'è scritto in {}?"
    "|Che cosa è indicato per {}?|Dimmi {}|Quanto vale {}?|Cosa riporta {}?",
}

# -- well-known fields -----------------------------------------------------------------------------

NOUNS = {
    "seller": "seller|vendor|supplier|issuer of the invoice|merchant|company that sent the bill"
    "|shop|vendor name|biller|provider",
    "seller_address": "address of the seller|vendor address|seller's address|supplier's address"
    "|shop's address|address of the supplier|merchant address|address of the issuing company",
    "tax_id": "tax number|VAT number|tax ID|VAT ID|seller's tax number|VAT registration number"
    "|tax identification number|fiscal number",
    "buyer": "buyer|customer|client|recipient of the invoice|bill-to party|purchaser|customer name"
    "|invoiced party",
    "buyer_address": "address of the buyer|customer's address|billing address|buyer's address"
    "|bill-to address|client's address|address of the invoiced party",
    "invoice_number": "invoice number|invoice no|number of the invoice|bill number|invoice ID"
    "|invoice no.|receipt number|number of this bill|invoice identifier|invoice #",
    "order_number": "order number|purchase order number|PO number|order no|order ID|number of the"
    " order|purchase order|order reference",
    "invoice_date": "invoice date|date of the invoice|date of issue|issue date|billing date"
    "|date of this bill|date on the receipt|date of the purchase|date on the bill|day of issue",
    "due_date": "due date|payment deadline|date by which to pay|payment due date|deadline for"
    " payment|last day to pay|date the payment is due|pay-by date",
    "currency": "currency|currency of the amounts|currency code|invoice currency",
    "net": "net amount|amount before tax|total without tax|net total|amount excluding VAT|sum"
    " before tax|total excluding tax|untaxed amount",
    "tax": "tax amount|VAT amount|amount of tax|sales tax|VAT|total tax|value-added tax|amount of"
    " VAT",
    "total": "total|total amount|amount due|grand total|invoice total|total to pay|amount payable"
    "|final amount|total including tax|gross amount|sum to be paid|total price|overall amount",
    "iban": "IBAN|bank account|account to pay to|seller's IBAN|bank account number|IBAN number",
    "item_description": "item|product|article|description",
    "item_quantity": "quantity|number of units|count|amount ordered|how many",
    "item_unit_price": "unit price|price per unit|price each|single price|price of one",
    "item_amount": "amount|line total|total price|price|sum|cost",
    "subtotal": "subtotal|sub-total|sum of the items|total of the positions",
    "discount": "discount|rebate|reduction|price reduction",
    "shipping": "shipping costs|delivery charge|freight|postage|shipping fee",
    "cash": "cash given|amount tendered|cash received|cash paid",
    "change": "change|change given|cash back|money returned",
    "tax_rate": "tax rate|VAT rate|rate of tax|percentage of tax|tax percentage",
    "customer_number": "customer number|client number|customer ID|customer no|customer account"
    " number|client ID",
    "delivery_date": "delivery date|date of delivery|shipping date|day of delivery",
    "order_date": "order date|date of the order|date of ordering|day of the order",
    "phone": "phone number|telephone number|phone|telephone|number to call|contact number",
    "fax": "fax number|fax|telefax|fax no",
    "email": "e-mail address|email|e-mail|email address|mail address|electronic mail",
    "website": "website|web address|internet address|homepage|URL|web page",
    "bic": "BIC|SWIFT code|BIC of the bank|bank code",
    "bank": "bank|name of the bank|bank name|credit institution|financial institution",
    "terms": "payment terms|terms of payment|terms|conditions of payment|payment conditions",
    "payment_method": "payment method|method of payment|way of payment|means of payment",
    "reference": "reference|reference number|your reference|ref|file number|reference code",
    "contact": "contact person|contact|person to contact|person in charge|clerk in charge",
    "cashier": "cashier|person at the till|employee at the till|name of the cashier",
    "sender": "sender|writer|author of the letter|person who wrote the letter|letter's author|from",
    "sender_address": "sender's address|address of the sender|return address|writer's address",
    "recipient": "recipient|addressee|person the letter is addressed to|receiver|to",
    "recipient_address": "recipient's address|address of the recipient|addressee's address"
    "|address it was sent to|receiver's address",
    "letter_date": "date of the letter|letter date|date|date it was written|day of writing",
    "subject": "subject|subject line|topic of the letter|matter|subject of the letter|regarding",
    "salutation": "salutation|greeting|form of address|opening greeting",
    "signatory": "signatory|person who signed|signer|name under the signature",
    "account_holder": "account holder|holder of the account|owner of the account|account owner"
    "|customer of the bank",
    "account_number": "account number|number of the account|account no|bank account number|account",
    "statement_number": "statement number|number of the statement|statement no|statement ID",
    "statement_date": "statement date|date of the statement|date of issue|issue date of the"
    " statement",
    "period": "statement period|period of the statement|period covered|time covered",
    "opening_balance": "opening balance|starting balance|previous balance|balance brought forward"
    "|balance at the beginning|initial balance|old balance",
    "closing_balance": "closing balance|final balance|new balance|ending balance|balance at the end"
    "|current balance|balance carried forward",
    "title": "title|heading|document title|main title|title of the document|headline",
    "report_date": "date of the report|report date|date|publication date|date of publication",
    "author": "author|writer|person who wrote the report|report's author|authors",
    "department": "department|division|unit|organisational unit|section in charge",
    "name": "name|full name|person's name|name of the person|applicant's name|candidate's name"
    "|first and last name",
    "address": "address|home address|postal address|place of residence|residential address",
    "date_of_birth": "date of birth|birth date|birthday|day of birth|DOB",
    "place_of_birth": "place of birth|birthplace|city of birth|town of birth",
    "nationality": "nationality|citizenship|country of citizenship|citizen of",
    "occupation": "profession|occupation|job title|job|current position|trade",
    "employer": "employer|company worked for|workplace|current employer|place of work",
    "first_name": "first name|given name|forename|Christian name",
    "last_name": "last name|surname|family name|second name",
    "city": "city|town|city or town|place",
    "postal_code": "postal code|ZIP code|postcode|ZIP",
    "street": "street|street and number|street address|street name",
    "country": "country|state|country of residence|name of the country",
    "mobile": "mobile number|cell phone number|mobile phone|cell number",
    "sex": "sex|gender|sex of the person",
    "marital_status": "marital status|civil status|family status|marriage status",
    "place_and_date": "place and date|place and date of signing|place and day of signature"
    "|where and when it was signed",
    "received_on": "date received|day of receipt|date of receipt|receipt stamp's date",
    "id_number": "identity card number|passport number|ID number|number of the identity document",
    "registration": "company registration number|registration number|commercial register number"
    "|company number",
    "account": "account number|bank account number|number of the bank account|account no",
    "holder": "account holder|name on the account|beneficiary|owner of the account",
    "paid": "amount already paid|deposit|amount paid|advance payment",
    "balance": "balance due|remaining balance|amount left to pay|outstanding balance",
    "rate": "tax rate|VAT rate|percentage of tax|rate",
    "delivery_note": "delivery note number|number of the delivery note|packing slip|waybill",
    "buyer_tax_id": "customer's VAT number|VAT number of the customer|buyer's tax number"
    "|client's tax ID",
    "university": "university|college|school attended|place of study|alma mater",
    "degree": "degree|academic degree|qualification|diploma|educational qualification",
    "language": "language|languages spoken|language skills|spoken languages",
    "skill": "skill|skills|abilities|competences|expertise",
}

WHOLE = {
    "seller": "Who issued this invoice?|Which company is the vendor?|Who sent this bill?|Who sells"
    " here?|Which shop is this from?|Where was this bought?|Who wants to be paid?|From whom is this"
    " invoice?|Who is charging?|Which business issued the receipt?|Which firm billed this?",
    "seller_address": "Where is the seller based?|Where is the shop?|Where is the vendor located?"
    "|What address does the seller have?|At which address is the issuer of the bill?",
    "tax_id": "Under which tax number does the seller run?|Which VAT number does the company have?"
    "|What is the company's tax registration?|How is the seller registered for tax?",
    "buyer": "Who has to pay?|Who is this invoice for?|To whom is the bill addressed?|Who bought"
    " this?|Who is being billed?|Which customer got this invoice?|Who received the invoice?"
    "|Whom is this invoice made out to?",
    "buyer_address": "Where does the customer live?|Where was the invoice sent?|What address does"
    " the buyer have?|To which address is the bill addressed?|Where is the customer based?",
    "invoice_number": "Which number does this bill carry?|Under which number was this invoiced?"
    "|How is the invoice numbered?|What number does the invoice have?|What's this invoice's number?"
    "|Which number identifies the invoice?",
    "order_number": "Which order is this for?|Which order does it refer to?|What number does the"
    " order have?|Under which number was it ordered?",
    "invoice_date": "When was the invoice issued?|When was this bill written?|When was this bought?"
    "|What is the invoice dated?|What day was the receipt printed?|On which date was it billed?"
    "|From when is this invoice?|When did the seller make out the invoice?",
    "due_date": "When is the payment due?|By when must it be paid?|Until when do I have to pay?"
    "|When does the bill have to be settled?|What is the latest date to pay?|When should the money"
    " arrive?|By what day is payment expected?",
    "currency": "In which currency is it billed?|Which currency is used?|What money is it in?"
    "|Which currency are the prices in?",
    "net": "How much is it before tax?|How much without VAT?|What does it cost without tax?|How"
    " much is it net?|What is the price before taxes are added?",
    "tax": "How much tax is charged?|How much VAT is included?|How much is the VAT?|What tax has to"
    " be paid?|How much of it is tax?",
    "total": "How much do I have to pay?|How much is it in total?|How much is due?|What does it all"
    " cost?|How much was paid?|How much is the bill?|What is to be paid?|What sum is owed?|How much"
    " is the invoice for?|What does everything come to?|How much money must be transferred?",
    "iban": "To which account should I pay?|Which account is the money to go to?|Where do I"
    " transfer the money to?|Into which account is it paid?",
    "item_description": "What was bought?|What has been sold?|Which item is listed?|What is"
    " charged for?",
    "customer_number": "Under which number is the customer known?|What number does the client"
    " have?",
    "delivery_date": "When was it delivered?|When were the goods shipped?|When does it arrive?",
    "discount": "How much is taken off?|How much was deducted?",
    "change": "How much money was given back?|How much change was there?",
    "cash": "How much did the customer hand over?|How much cash was given?",
    "phone": "Which number can I call?|How can I reach them by phone?|What number should I ring?",
    "email": "Where can I write an e-mail to?|How can they be reached by e-mail?",
    "sender": "Who wrote this letter?|Who is the letter from?|Who sent it?|Who is writing?|From"
    " whom does the letter come?",
    "recipient": "Who is the letter for?|To whom is it addressed?|Who should get the letter?|Whom"
    " does the letter address?|To whom was it written?",
    "letter_date": "When was the letter written?|What is the letter dated?|From which day is the"
    " letter?|When was it sent?",
    "subject": "What is the letter about?|What is it about?|What does the letter concern?|What is"
    " this regarding?|Why was the letter written?",
    "signatory": "Who signed?|Who signed the letter?|Whose signature is it?|By whom is it signed?",
    "account_holder": "Whose account is it?|Who owns the account?|Who holds this account?|To whom"
    " does the account belong?",
    "opening_balance": "How much was in the account at the start?|What was the balance before?"
    "|With how much did the period begin?|How much money was there at first?",
    "closing_balance": "How much is in the account now?|How much was left at the end?|What is the"
    " balance at the end of the period?|How much money is there in the end?",
    "period": "Which period does the statement cover?|What time does it cover?|Which"
    " months is the statement for?|For which dates is it?",
    "bank": "Which bank is it?|Which bank holds the account?|At which bank is the account?|Who runs"
    " the account?",
    "title": "What is this document called?|What is the report about?|What is the document's title?"
    "|How is the document titled?",
    "author": "Who wrote this?|Who wrote the report?|By whom is it?|Who prepared the report?",
    "name": "What is the person called?|Whose resume is it?|Who filled in the form?|Who is it"
    " about?"
    "|Who is applying?",
    "place_of_birth": "Where was the person born?|In which town was the person born?|Where was he"
    " or she born?|What is the native town?",
    "date_of_birth": "When was the person born?|When was he or she born?|On which day was the"
    " person born?|When is the birthday?",
    "occupation": "What does the person do for a living?|What job does the person have?|What does"
    " he or she work as?|What is the person by profession?",
    "employer": "For whom does the person work?|Where does the person work?|Which company employs"
    " the person?|Who employs the applicant?",
    "university": "Where did the person study?|Which university did the person attend?|At which"
    " school was the degree taken?|Where was the degree obtained?",
}  # fmt: skip

# Other names of fields.
ALIKE = {
    "full_name": "name", "bank_name": "bank", "tax_number": "tax_id", "total_amount": "total",
    "payment_terms": "terms", "customer_id": "customer_number", "birth_date": "date_of_birth",
    "statement_period": "period", "profession": "occupation", "issue_date": "date",
    "invoice_total": "total", "candidate_name": "name", "report_title": "title",
    "skills": "skill", "contact_person": "contact", "languages": "language",
    "item_code": "product_code", "row_date": "item_date",
}  # fmt: skip
# Keys that may mean the same thing on a page: where one is there, the others are not asked for as
# something that is missing.
RELATED = (
    "seller sender bank company employer issuer organisation organization shop store author"
    " institution merchant provider school university",
    "seller_address sender_address address bank_address company_address branch store_address",
    "buyer recipient customer account_holder name patient client applicant person delivery_name"
    " full_name passenger guest holder",
    "buyer_address recipient_address address delivery_address account_address customer_address",
    "invoice_number receipt_number document_number number reference transaction_number"
    " ticket_number"
    " statement_number",
    "invoice_date letter_date report_date statement_date date issue_date order_date delivery_date"
    " service_date time issued",
    "total net subtotal amount item_amount balance closing_balance amount_due price gross payment",
    "tax tax_rate tax_amount vat",
    "tax_id vat_id tax_number registration_number registration",
    "iban account_number account bank_account",
    "reference order_number customer_number your_reference our_reference file_number",
    "phone fax mobile telephone contact",
    "title subject topic heading",
    "sender signatory author contact name closing_name salutation recipient",
    "job_title position role occupation",
    "name signatory",
    "discount change cash payment_method card",
    "terms due_date",
)
# What is mistaken for what: asked for where the one is on the page and the other is not.
NEAR = {
    "invoice_date": ("due_date", "delivery_date", "date_of_birth"),
    "due_date": ("delivery_date", "order_date"),
    "invoice_number": ("order_number", "customer_number", "tax_id"),
    "seller": ("buyer",), "buyer": ("account_holder",), "total": ("discount", "tax", "shipping"),
    "seller_address": ("buyer_address",), "tax": ("discount",), "net": ("discount",),
    "letter_date": ("due_date", "date_of_birth"), "sender": ("account_holder", "employer"),
    "name": ("employer", "nationality"), "iban": ("bic",), "phone": ("email", "website"),
    "email": ("website", "phone"), "opening_balance": ("total", "tax"),
    "closing_balance": ("total", "due_date"), "title": ("author", "department"),
    "subject": ("author",), "account_number": ("invoice_number",),
}  # fmt: skip
